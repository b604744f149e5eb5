// Convolutions by Winograd's F(4x4, 3x3): tiles of 4x4 outputs, spread over the threads.

#include "spatial.h"

#include <string.h>

enum { TILE = 4, POINTS = 36, LANES = 16, TILES_PER_ITEM = 8 };

typedef struct {
    const emu_winograd_band *band;
    const emu_spatial_variant *variant;
    /// Tiles of a row, of a picture, and of all pictures, and these in whole sets of EMU_WINOGRAD_ROWS.
    size_t across, each, tiles, rows;
    float *values;
    /// Behind the values; one for each thread.
    float *scratch;
} winograd_job;

static size_t ceiling(size_t count, size_t each) { return (count + each - 1) / each; }

static winograd_job shaped(const emu_winograd_band *band) {
    winograd_job job = {.band = band};
    job.across = ceiling(band->grids->enlarged_width, TILE);
    job.each = ceiling(band->end_row - band->first_row, TILE) * job.across;
    job.tiles = band->pictures * job.each;
    job.rows = ceiling(job.tiles, EMU_WINOGRAD_ROWS) * EMU_WINOGRAD_ROWS;
    return job;
}

static size_t value_floats(const winograd_job *job) {
    return ceiling(POINTS * job->rows * job->band->grids->channels, LANES) * LANES;
}

static size_t widened_floats(void) { return 2 * LANES * 9 * EMU_WINOGRAD_CHANNELS; }
static size_t point_floats(void) { return (size_t)POINTS * EMU_WINOGRAD_CHANNELS * EMU_WINOGRAD_OUTPUTS; }
static size_t sum_floats(void) { return (size_t)POINTS * EMU_WINOGRAD_TILES * EMU_WINOGRAD_OUTPUTS; }
static size_t thread_floats(void) { return widened_floats() + point_floats() + sum_floats(); }

size_t emu_winograd_scratch(int threads, const emu_winograd_band *band) {
    winograd_job job = shaped(band);
    return value_floats(&job) + (size_t)threads * thread_floats();
}

/// The first row and column of a tile's result.
static void place(const winograd_job *job, size_t tile, size_t *row, size_t *column) {
    *row = job->band->first_row + tile % job->each / job->across * TILE;
    *column = tile % job->across * TILE;
}

static void values_item(void *context, uint32_t index, int thread) {
    (void)thread;
    const winograd_job *job = context;
    size_t channels = job->band->grids->channels, plane = job->rows * channels;
    size_t first = (size_t)index * TILES_PER_ITEM;
    size_t end = first + TILES_PER_ITEM < job->rows ? first + TILES_PER_ITEM : job->rows;
    for (size_t tile = first; tile < end; tile++) {
        emu_winograd_tile from = {{NULL}};
        if (tile < job->tiles) {
            const emu_patch_grid *grid = job->band->grids + tile / job->each;
            size_t row, column;
            place(job, tile, &row, &column);
            for (size_t i = 0; i < POINTS; i++) from.from[i] = emu_seen(grid, row + i / 6, column + i % 6);
        }
        job->variant->winograd_values(&from, channels, job->values + tile * channels, plane);
    }
}

static void product_item(void *context, uint32_t index, int thread) {
    const winograd_job *job = context;
    const emu_winograd_band *band = job->band;
    const emu_patch_grid *grid = band->grids;
    // Neighbouring items share tiles.
    size_t parts = ceiling(band->outputs, EMU_WINOGRAD_OUTPUTS);
    size_t first = index / parts * EMU_WINOGRAD_TILES, output = index % parts * EMU_WINOGRAD_OUTPUTS;
    emu_winograd_target targets[EMU_WINOGRAD_TILES];
    size_t tiles = job->tiles - first < EMU_WINOGRAD_TILES ? job->tiles - first : EMU_WINOGRAD_TILES;
    for (size_t i = 0; i < tiles; i++) {
        size_t picture = (first + i) / job->each, row, column;
        place(job, first + i, &row, &column);
        size_t down = band->end_row - row, right = grid->enlarged_width - column;
        targets[i] = (emu_winograd_target){
            .bias = band->bias + picture * band->outputs + output,
            .out = band->out + ((picture * grid->enlarged_height + row) * grid->enlarged_width + column) * band->outputs +
                   output,
            .rows = down < TILE ? down : TILE,
            .columns = right < TILE ? right : TILE,
            .row_stride = grid->enlarged_width * band->outputs,
            .stride = band->outputs,
        };
    }
    float *scratch = job->scratch + (size_t)thread * thread_floats();
    size_t left = band->outputs - output;
    emu_winograd_part part = {
        .type = band->type,
        .weights = (const uint8_t *)band->weights + output * band->row_bytes,
        .row_bytes = band->row_bytes,
        .outputs = left < EMU_WINOGRAD_OUTPUTS ? left : EMU_WINOGRAD_OUTPUTS,
        .channels = grid->channels,
        .values = job->values + first * grid->channels,
        .plane = job->rows * grid->channels,
        .tiles = tiles,
        .targets = targets,
        .widened = scratch,
        .points = scratch + widened_floats(),
        .sums = scratch + widened_floats() + point_floats(),
    };
    job->variant->winograd_product(&part);
}

void emu_winograd(struct emu_pool *pool, const emu_winograd_band *band, float *scratch) {
    winograd_job job = shaped(band);
    job.variant = emu_selected_spatial_variant();
    job.values = scratch;
    job.scratch = scratch + value_floats(&job);
    emu_pool_run(pool, (uint32_t)ceiling(job.rows, TILES_PER_ITEM), values_item, &job);
    size_t parts = ceiling(job.tiles, EMU_WINOGRAD_TILES) * ceiling(band->outputs, EMU_WINOGRAD_OUTPUTS);
    emu_pool_run(pool, (uint32_t)parts, product_item, &job);
}
