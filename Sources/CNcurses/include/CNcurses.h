#ifndef CNCURSES_H
#define CNCURSES_H

#include <stdint.h>

// ncurses behind functions that Swift can import: the original's variadics, macros and mutable globals cannot be.
// There is one terminal per process, so the state lives here. All calls but emu_signals_* come from one thread.

/// What emu_curses_start found.
enum {
    EMU_CURSES_STARTED = 0,
    /// terminfo does not know TERM, or newterm failed.
    EMU_CURSES_UNKNOWN_TERMINAL = 1,
    /// The terminal cannot address its cursor or clear itself.
    EMU_CURSES_INCAPABLE = 2,
    /// The locale's encoding is not UTF-8.
    EMU_CURSES_NOT_UTF8 = 3,
};

/// Attributes of emu_curses_put.
enum {
    EMU_CURSES_BOLD = 1,
    EMU_CURSES_DIM = 2,
    EMU_CURSES_ITALIC = 4,
    EMU_CURSES_UNDERLINE = 8,
    EMU_CURSES_REVERSE = 16,
};

/// Takes the terminal on standard input and output over; `crash_message` (may be NULL) is written to standard error
/// after a crash has restored it. Standard error goes to `log_fd` while the screen is up, unless that is -1.
/// `direct_terminal` (may be NULL) takes the place of TERM where terminfo knows it and it has 24-bit colours.
int emu_curses_start(int log_fd, const char *crash_message, const char *direct_terminal);
/// Gives the terminal back as it was found. Harmless when it was never taken.
void emu_curses_stop(void);
/// Gives the terminal back for a stop of the job, stops, and takes it again when the job continues.
void emu_curses_suspend(void);

/// Gives the terminal to another program, which is run and ended before emu_curses_reclaim takes it again.
void emu_curses_release(void);
void emu_curses_reclaim(void);
/// The library's name and version.
const char *emu_curses_version(void);

/// Colours and colour pairs of the terminal; 0 when it has none.
int emu_curses_colors(void);
int emu_curses_pairs(void);
/// Defines a colour pair from 1 on; -1 is the terminal's own colour. Non-zero on success.
int emu_curses_define_pair(int pair, int foreground, int background);
void emu_curses_forget_pairs(void);

/// Rows and columns as the terminal tells them now, non-zero on success.
int emu_curses_window_size(int *rows, int *columns);
/// Makes the library's screen this large, everything to be repainted.
void emu_curses_resize(int rows, int columns);

/// Columns that the library gives a scalar; below 1 when it cannot stand in a cell alone.
int emu_curses_scalar_width(uint32_t scalar);
/// Puts a base scalar with up to four marks into a cell.
void emu_curses_put(int row, int column, const uint32_t *scalars, int count, unsigned attributes, int pair);
/// Sends what has changed; the cursor ends at a position, or hidden when `row` is negative.
void emu_curses_refresh(int row, int column);
/// Sends what has changed, then moves the real cursor by an absolute address, whatever the terminal made of the text.
void emu_curses_refresh_and_readdress(int row, int column);
/// Makes the next refresh send everything.
void emu_curses_invalidate(void);

/// The descriptor on which signals arrive as bytes (their numbers; 0 is a wake), -1 on failure. Installs handlers
/// for SIGWINCH, SIGTERM, SIGHUP, SIGINT, SIGTSTP and SIGCONT, and for crashes; ignores SIGPIPE.
int emu_signals_install(void);
/// Puts the earlier handlers back.
void emu_signals_remove(void);
/// Makes emu_signals_install's descriptor readable; from any thread.
void emu_signals_wake(void);

#endif
