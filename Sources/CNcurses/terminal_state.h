#ifndef EMU_TERMINAL_STATE_H
#define EMU_TERMINAL_STATE_H

#include <signal.h>
#include <stddef.h>
#include <termios.h>

// What a crash handler needs, prepared beforehand.
struct emu_terminal_state {
    volatile sig_atomic_t is_up;
    int has_saved;
    struct termios saved;
    int stderr_copy;
    int log_fd;
    char restore[512];
    size_t restore_length;
    char crash_message[1024];
    size_t crash_message_length;
};

extern struct emu_terminal_state emu_terminal;

/// Stops the job with SIGTSTP's default action and returns when it continues.
void emu_signals_stop_job(void);

#endif
