#define _GNU_SOURCE
#define _XOPEN_SOURCE_EXTENDED 1
#define NCURSES_WIDECHAR 1
#include <curses.h>
#include <term.h>
// term.h makes macros of plain words.
#undef columns
#undef lines

#include <errno.h>
#include <fcntl.h>
#include <langinfo.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>
#include <wchar.h>

#include "CNcurses.h"
#include "terminal_state.h"

struct emu_terminal_state emu_terminal = {.stderr_copy = -1, .log_fd = -1};

static const char paste_on[] = "\033[?2004h";
static const char paste_off[] = "\033[?2004l";
static SCREEN *screen = NULL;

static void write_all(const char *bytes, size_t count) {
    while (count > 0) {
        ssize_t written = write(STDOUT_FILENO, bytes, count);
        if (written < 0 && errno == EINTR) continue;
        if (written <= 0) return;
        bytes += written;
        count -= (size_t)written;
    }
}

// What a crash handler has to write is collected while there is time: tputs is not async-signal-safe.
static int collect(int character) {
    if (emu_terminal.restore_length < sizeof emu_terminal.restore)
        emu_terminal.restore[emu_terminal.restore_length++] = (char)character;
    return character;
}

static const char *capability(const char *name) {
    const char *text = tigetstr(name);
    return text == (const char *)-1 ? NULL : text;
}

static void collect_restore_sequence(void) {
    static const char *const names[] = {"sgr0", "op", "cnorm", "rmcup"};
    emu_terminal.restore_length = 0;
    for (const char *byte = paste_off; *byte; byte++) collect(*byte);
    for (size_t index = 0; index < sizeof names / sizeof *names; index++) {
        const char *text = capability(names[index]);
        if (text) tputs(text, 1, collect);
    }
}

static void redirect_stderr(void) {
    if (emu_terminal.log_fd < 0 || emu_terminal.stderr_copy >= 0) return;
    emu_terminal.stderr_copy = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
    if (emu_terminal.stderr_copy >= 0) dup2(emu_terminal.log_fd, STDERR_FILENO);
}

static void restore_stderr(void) {
    if (emu_terminal.stderr_copy < 0) return;
    dup2(emu_terminal.stderr_copy, STDERR_FILENO);
    close(emu_terminal.stderr_copy);
    emu_terminal.stderr_copy = -1;
}

static int locale_is_utf8(void) {
    setlocale(LC_ALL, "");
    if (strcmp(nl_langinfo(CODESET), "UTF-8") == 0) return 1;
    // No locale set at all, as in containers and over bare ssh: terminals speak UTF-8 there nonetheless.
    if (strcmp(nl_langinfo(CODESET), "ANSI_X3.4-1968") == 0 && setlocale(LC_CTYPE, "C.UTF-8")) return 1;
    return 0;
}

static void enter(void) {
    raw();
    noecho();
    nonl();
    typeahead(-1);
    write_all(paste_on, sizeof paste_on - 1);
    redirect_stderr();
}

// Reads a terminal's description (NULL: that of TERM) and says what of emu_curses_start's results it leads to.
static int look_up(const char *name) {
    int problem = 0;
    if (setupterm(name, STDOUT_FILENO, &problem) != OK) return EMU_CURSES_UNKNOWN_TERMINAL;
    return capability("cup") && capability("clear") ? EMU_CURSES_STARTED : EMU_CURSES_INCAPABLE;
}

int emu_curses_start(int log_fd, const char *crash_message, const char *direct_terminal) {
    if (!locale_is_utf8()) return EMU_CURSES_NOT_UTF8;
    const char *name = direct_terminal;
    if (!name || look_up(name) != EMU_CURSES_STARTED || tigetnum("colors") < 1 << 24) {
        name = NULL;
        int found = look_up(NULL);
        if (found != EMU_CURSES_STARTED) return found;
    }
    if (tcgetattr(STDIN_FILENO, &emu_terminal.saved) == 0) emu_terminal.has_saved = 1;
    set_escdelay(25);
    if (!screen) screen = newterm(name, stdout, stdin);
    if (!screen) return EMU_CURSES_UNKNOWN_TERMINAL;
    collect_restore_sequence();
    emu_terminal.log_fd = log_fd;
    emu_terminal.crash_message_length = 0;
    if (crash_message) {
        size_t length = strlen(crash_message);
        if (length > sizeof emu_terminal.crash_message) length = sizeof emu_terminal.crash_message;
        memcpy(emu_terminal.crash_message, crash_message, length);
        emu_terminal.crash_message_length = length;
    }
    if (has_colors()) {
        start_color();
        use_default_colors();
    }
    leaveok(stdscr, FALSE);
    scrollok(stdscr, FALSE);
    enter();
    static int registered = 0;
    if (!registered) {
        registered = 1;
        atexit(emu_curses_stop);
    }
    emu_terminal.is_up = 1;
    clearok(curscr, TRUE);
    return EMU_CURSES_STARTED;
}

static void leave(void) {
    endwin();
    write_all(paste_off, sizeof paste_off - 1);
    restore_stderr();
}

void emu_curses_stop(void) {
    if (!emu_terminal.is_up) return;
    emu_terminal.is_up = 0;
    leave();
    if (emu_terminal.has_saved) tcsetattr(STDIN_FILENO, TCSADRAIN, &emu_terminal.saved);
}

void emu_curses_release(void) {
    if (!emu_terminal.is_up) return;
    leave();
    emu_terminal.is_up = 0;
}

void emu_curses_reclaim(void) {
    emu_terminal.is_up = 1;
    reset_prog_mode();
    enter();
    clearok(curscr, TRUE);
}

void emu_curses_suspend(void) {
    if (!emu_terminal.is_up) return;
    emu_curses_release();
    emu_signals_stop_job();
    emu_curses_reclaim();
}

const char *emu_curses_version(void) { return curses_version(); }

int emu_curses_colors(void) { return has_colors() ? COLORS : 0; }

int emu_curses_pairs(void) { return has_colors() ? COLOR_PAIRS : 0; }

int emu_curses_define_pair(int pair, int foreground, int background) {
    return init_extended_pair(pair, foreground, background) == OK;
}

void emu_curses_forget_pairs(void) { reset_color_pairs(); }

int emu_curses_window_size(int *rows, int *columns) {
    struct winsize size;
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_row > 0 && size.ws_col > 0) {
        *rows = size.ws_row;
        *columns = size.ws_col;
        return 1;
    }
    if (!screen) return 0;
    getmaxyx(stdscr, *rows, *columns);
    return *rows > 0 && *columns > 0;
}

void emu_curses_resize(int rows, int columns) {
    resizeterm(rows, columns);
    clearok(curscr, TRUE);
}

int emu_curses_scalar_width(uint32_t scalar) { return wcwidth((wchar_t)scalar); }

void emu_curses_put(int row, int column, const uint32_t *scalars, int count, unsigned attributes, int pair) {
    wchar_t text[CCHARW_MAX + 1];
    int length = 0;
    while (length < count && length < CCHARW_MAX) {
        text[length] = (wchar_t)scalars[length];
        length++;
    }
    text[length] = L'\0';
    attr_t attrs = A_NORMAL;
    if (attributes & EMU_CURSES_BOLD) attrs |= A_BOLD;
    if (attributes & EMU_CURSES_DIM) attrs |= A_DIM;
    if (attributes & EMU_CURSES_ITALIC) attrs |= A_ITALIC;
    if (attributes & EMU_CURSES_UNDERLINE) attrs |= A_UNDERLINE;
    if (attributes & EMU_CURSES_REVERSE) attrs |= A_REVERSE;
    cchar_t cell;
    // Pairs above 255 only fit through the last argument.
    if (setcchar(&cell, text, attrs, 0, &pair) == OK) mvadd_wch(row, column, &cell);
}

void emu_curses_refresh(int row, int column) {
    curs_set(row < 0 ? 0 : 1);
    if (row >= 0) move(row, column);
    refresh();
}

void emu_curses_refresh_and_readdress(int row, int column) {
    move(row, column);
    refresh();
    // The library believes that the cursor is there already. mvcur with an unknown start sends the full address and
    // leaves the library's belief alone, so that both agree again. It writes through stdio, refresh does not.
    mvcur(-1, -1, row, column);
    fflush(stdout);
}

void emu_curses_invalidate(void) { clearok(curscr, TRUE); }
