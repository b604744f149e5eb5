import Tensor

/// What latents look like, at one pixel for each of their positions: a linear map from their channels to colours.
///
/// The map is the least-squares one between what an autoencoder's own encoder makes of a chart of colours and the
/// chart, so that it fits any autoencoder. It costs nothing beside a step of drawing; decoding the latents costs more
/// than one. That a linear map of few numbers suffices for latents of this kind is common knowledge; we know of no paper.
package struct LatentColors: Sendable {
    /// [3, L + 1]: the last column is added.
    private let weights: [[Double]]
    private let channels: Int

    /// Colours along a side of the chart, and how many values each primary takes.
    private static let side = 8
    private static let levels = 4
    /// Keeps the solution finite where latents say the same twice.
    private static let ridge = 1e-6

    /// Fits the map: one small picture is encoded. Nil when the pool's work is cancelled meanwhile, or where the
    /// weights are damaged so that nothing fits.
    package init?(_ autoencoder: AutoencoderKL, pool: ThreadPool) throws(ModelError) {
        let scale = autoencoder.configuration.scale
        let channels = autoencoder.configuration.latentChannels
        // Two positions of the latents to a colour: one is near the borders of four colours.
        let block = 2 * scale
        let chart = try FeatureMap(height: Self.side * block, width: Self.side * block, channels: 3)
        for y in 0..<chart.height {
            for x in 0..<chart.width {
                let color = Self.color(y / block * Self.side + x / block)
                for primary in 0..<3 { chart.pointer[(y * chart.width + x) * 3 + primary] = color[primary] }
            }
        }
        let moments = try autoencoder.moments(of: chart, pool: pool)
        let rows = (0..<moments.positions).map { position in
            (0..<channels).map { channel in
                Double(
                    moments.pointer[position * moments.channels + channel]
                        * autoencoder.configuration.scalingFactor)
            }
        }
        let colors = (0..<moments.positions).map { position in
            Self.color(position / moments.width / 2 * Self.side + position % moments.width / 2)
        }
        self.init(latents: rows, colors: colors)
    }

    /// The map with the least squared error from latents [N, L] to their colours [N, 3], from -1 to 1; nil where one is no
    /// number.
    package init?(latents: [[Double]], colors: [[Float]]) {
        var solved = [[Double]]()
        for primary in 0..<3 {
            guard let row = Self.solve(latents.map { $0 + [1] }, colors.map { Double($0[primary]) }) else { return nil }
            solved.append(row)
        }
        (weights, channels) = (solved, latents.first?.count ?? 0)
    }

    /// Colours of the chart from -1 to 1, neighbours far apart.
    private static func color(_ index: Int) -> [Float] {
        let mixed = index * 37 % (side * side)
        return (0..<3).map { primary in
            var value = mixed
            for _ in 0..<primary { value /= levels }
            return Float(value % levels) / Float(levels - 1) * 2 - 1
        }
    }

    /// The picture [H, W, 3] of latents [1, H, W, L] as they are diffused, from 0 to 1.
    package func picture(of latents: FeatureMap) throws(ModelError) -> FeatureMap {
        precondition(latents.channels == channels, "latents of another autoencoder")
        let picture = try FeatureMap(height: latents.height, width: latents.width, channels: 3)
        for position in 0..<latents.positions {
            for primary in 0..<3 {
                var value = weights[primary][channels]
                for channel in 0..<channels {
                    value += weights[primary][channel] * Double(latents.pointer[position * channels + channel])
                }
                picture.pointer[position * 3 + primary] = Float(min(max(value / 2 + 0.5, 0), 1))
            }
        }
        return picture
    }

    /// The weights with the least squared error, by the normal equations; nil where they have no solution.
    private static func solve(_ rows: [[Double]], _ wanted: [Double]) -> [Double]? {
        let count = rows.first?.count ?? 0
        var system = [[Double]](repeating: [Double](repeating: 0, count: count + 1), count: count)
        for (row, value) in zip(rows, wanted) {
            for i in 0..<count {
                for j in 0..<count { system[i][j] += row[i] * row[j] }
                system[i][count] += row[i] * value
            }
        }
        let trace = (0..<count).reduce(0) { $0 + system[$1][$1] }
        for i in 0..<count { system[i][i] += ridge * trace / Double(max(1, count)) }
        // Gaussian elimination; the matrix is positive definite.
        for pivot in 0..<count {
            guard system[pivot][pivot].isFinite, abs(system[pivot][pivot]) > 0 else { return nil }
            for row in 0..<count where row != pivot {
                let factor = system[row][pivot] / system[pivot][pivot]
                for column in pivot...count { system[row][column] -= factor * system[pivot][column] }
            }
        }
        let solution = (0..<count).map { system[$0][count] / system[$0][$0] }
        return solution.allSatisfy(\.isFinite) ? solution : nil
    }
}
