#include "AllocationMeter.h"

#include <stdatomic.h>

// Part of the sanitizer's runtime (sanitizer/allocator_interface.h); absent, and so NULL, without it.
__attribute__((weak)) int __sanitizer_install_malloc_and_free_hooks(
    void (*malloc_hook)(const volatile void *, size_t), void (*free_hook)(const volatile void *));
__attribute__((weak)) size_t __sanitizer_get_allocated_size(const volatile void *);

static _Thread_local allocation_figures figures;
static _Thread_local long long held;

static void allocated(const volatile void *address, size_t size) {
    (void)address;
    figures.count++;
    if (size > figures.largest) figures.largest = size;
    held += (long long)size;
    if (held > (long long)figures.peak) figures.peak = (size_t)held;
}

static void freed(const volatile void *address) {
    if (address != NULL) held -= (long long)__sanitizer_get_allocated_size(address);
}

bool allocation_meter_start(void) {
    static atomic_flag installed = ATOMIC_FLAG_INIT;
    if (__sanitizer_install_malloc_and_free_hooks == NULL || __sanitizer_get_allocated_size == NULL) return false;
    if (!atomic_flag_test_and_set(&installed)) __sanitizer_install_malloc_and_free_hooks(allocated, freed);
    return true;
}

void allocation_meter_reset(void) {
    figures = (allocation_figures){0};
    held = 0;
}

allocation_figures allocation_meter_figures(void) { return figures; }
