// What the calling thread allocates, as the address sanitizer's runtime tells it.

#ifndef ALLOCATION_METER_H
#define ALLOCATION_METER_H

#include <stdbool.h>
#include <stddef.h>

typedef struct {
    /// The largest single request.
    size_t largest;
    /// Requests.
    size_t count;
    /// Most bytes that were held at one time.
    size_t peak;
} allocation_figures;

/// Begins to measure; false in programs that were built without the address sanitizer, which tell nothing.
bool allocation_meter_start(void);

/// Forgets what the calling thread has allocated.
void allocation_meter_reset(void);

/// What the calling thread has allocated since it last reset.
allocation_figures allocation_meter_figures(void);

#endif
