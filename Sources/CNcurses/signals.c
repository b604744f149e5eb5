#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "CNcurses.h"
#include "terminal_state.h"

static const int told[] = {SIGWINCH, SIGTERM, SIGHUP, SIGINT, SIGTSTP, SIGCONT};
static const int crashes[] = {SIGSEGV, SIGABRT, SIGILL, SIGBUS, SIGFPE, SIGTRAP, SIGSYS};
enum { TOLD = sizeof told / sizeof *told, CRASHES = sizeof crashes / sizeof *crashes };

static struct sigaction told_before[TOLD], crashes_before[CRASHES], pipe_before;
static int wake_pipe[2] = {-1, -1};
static int installed = 0;
// A stack overflow leaves no room for a handler on the stack that overflowed.
static char alternate_stack[65536];

static void tell(int number) {
    int kept = errno;
    unsigned char byte = (unsigned char)number;
    // When the pipe is full a wake is pending anyway.
    ssize_t ignored = write(wake_pipe[1], &byte, 1);
    (void)ignored;
    errno = kept;
}

static void crash(int number) {
    if (emu_terminal.is_up) {
        emu_terminal.is_up = 0;
        ssize_t ignored = write(STDOUT_FILENO, emu_terminal.restore, emu_terminal.restore_length);
        if (emu_terminal.has_saved) tcsetattr(STDIN_FILENO, TCSANOW, &emu_terminal.saved);
        if (emu_terminal.stderr_copy >= 0) dup2(emu_terminal.stderr_copy, STDERR_FILENO);
        ignored = write(STDERR_FILENO, emu_terminal.crash_message, emu_terminal.crash_message_length);
        (void)ignored;
    }
    // SA_RESETHAND has put the default back: the process dies of the same signal, with its core dump.
    raise(number);
}

int emu_signals_install(void) {
    if (wake_pipe[0] < 0 && pipe2(wake_pipe, O_CLOEXEC | O_NONBLOCK) != 0) return -1;
    if (installed) return wake_pipe[0];
    installed = 1;
    struct sigaction action;
    memset(&action, 0, sizeof action);
    sigemptyset(&action.sa_mask);
    action.sa_handler = tell;
    action.sa_flags = SA_RESTART;
    for (int index = 0; index < TOLD; index++) sigaction(told[index], &action, &told_before[index]);

    stack_t stack = {.ss_sp = alternate_stack, .ss_size = sizeof alternate_stack};
    sigaltstack(&stack, NULL);
    action.sa_handler = crash;
    action.sa_flags = (int)(SA_RESETHAND | SA_NODEFER | SA_ONSTACK);
    for (int index = 0; index < CRASHES; index++) sigaction(crashes[index], &action, &crashes_before[index]);

    action.sa_handler = SIG_IGN;
    action.sa_flags = 0;
    sigaction(SIGPIPE, &action, &pipe_before);
    return wake_pipe[0];
}

void emu_signals_remove(void) {
    if (!installed) return;
    installed = 0;
    for (int index = 0; index < TOLD; index++) sigaction(told[index], &told_before[index], NULL);
    for (int index = 0; index < CRASHES; index++) sigaction(crashes[index], &crashes_before[index], NULL);
    sigaction(SIGPIPE, &pipe_before, NULL);
}

void emu_signals_wake(void) { tell(0); }

void emu_signals_stop_job(void) {
    struct sigaction before, standard;
    memset(&standard, 0, sizeof standard);
    sigemptyset(&standard.sa_mask);
    standard.sa_handler = SIG_DFL;
    sigaction(SIGTSTP, &standard, &before);
    // The whole job, so that a program that started this one stops with it.
    kill(0, SIGTSTP);
    sigaction(SIGTSTP, &before, NULL);
}
