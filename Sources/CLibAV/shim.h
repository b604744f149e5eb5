// Macros of libav that Swift cannot import become functions.
#include <errno.h>
#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <libavutil/display.h>
#include <libswscale/swscale.h>

/// The decoder wants more input, or has no frame yet.
static inline int emu_averror_again(void) { return AVERROR(EAGAIN); }

/// The end of the file, or of the decoder's frames.
static inline int emu_averror_eof(void) { return AVERROR_EOF; }

/// What an interrupted call returns.
static inline int emu_averror_exit(void) { return AVERROR_EXIT; }

/// A time stamp that is not known.
static inline int64_t emu_av_nopts(void) { return AV_NOPTS_VALUE; }
