import Foundation
import ModelFiles
import Models
import TestSupport
import Testing

/// Pipelines whose configurations or weights are not what they should be: each is refused by name.
@Suite struct HostileDiffusionTests {
    /// What loading the pipeline says once a configuration was changed.
    private func refusal(_ file: String, _ values: [String: Any]) throws -> String {
        let folder = try DiffusionFixture("usual").copy()
        defer { try? FileManager.default.removeItem(at: folder.deletingLastPathComponent()) }
        try DiffusionFixture.change(folder.appendingPathComponent(file), values)
        return try refusal(folder)
    }

    private func refusal(_ folder: URL) throws -> String {
        do {
            _ = try DiffusionFixture.decoder(folder)
            return ""
        } catch let error as ModelError { return error.description }
    }

    @Test(arguments: [
        ("unet/config.json", "block_out_channels", "[]"), ("unet/config.json", "block_out_channels", "[8, -16]"),
        ("unet/config.json", "block_out_channels", "[8, 1e300]"), ("unet/config.json", "block_out_channels", "[8, 18]"),
        ("unet/config.json", "block_out_channels", "[8, 8, 8, 8, 8, 8, 8, 8, 8]"),
        ("unet/config.json", "attention_head_dim", "[1, 3]"), ("unet/config.json", "attention_head_dim", "[1]"),
        ("unet/config.json", "cross_attention_dim", "null"), ("unet/config.json", "addition_time_embed_dim", "7"),
        ("unet/config.json", "down_block_types", "[\"DownBlock2D\", \"AttnDownBlock2D\"]"),
        ("unet/config.json", "layers_per_block", "[2, 2]"), ("unet/config.json", "act_fn", "\"gelu\""),
        ("unet/config.json", "class_embed_type", "\"timestep\""), ("unet/config.json", "norm_eps", "-1"),
        ("unet/config.json", "projection_class_embeddings_input_dim", "1"),
        ("unet/config.json", "in_channels", "9"), ("vae/config.json", "latent_channels", "9"),
        ("vae/config.json", "scaling_factor", "0"), ("vae/config.json", "shift_factor", "0.1"),
        ("vae/config.json", "block_out_channels", "[8, 13]"), ("vae/config.json", "out_channels", "4"),
        ("vae/config.json", "up_block_types", "[\"UpDecoderBlock2D\", \"AttnUpDecoderBlock2D\"]"),
        ("scheduler/scheduler_config.json", "num_train_timesteps", "1"),
        ("scheduler/scheduler_config.json", "num_train_timesteps", "1e12"),
        ("scheduler/scheduler_config.json", "prediction_type", "\"sample\""),
        ("scheduler/scheduler_config.json", "timestep_spacing", "\"backwards\""),
        ("scheduler/scheduler_config.json", "use_karras_sigmas", "true"),
        ("scheduler/scheduler_config.json", "beta_end", "2"),
    ])
    func aValueThatIsNotAllowedIsNamed(_ file: String, _ key: String, _ value: String) throws {
        let parsed = try JSONSerialization.jsonObject(with: Data(value.utf8), options: .fragmentsAllowed)
        let found = try refusal(file, [key: parsed])
        #expect(found.contains(key), "\(found)")
    }

    /// A configuration of a larger model, for which the tensors are missing or misshapen.
    @Test(arguments: [
        ("unet/config.json", "layers_per_block", 60000), ("unet/config.json", "transformer_layers_per_block", 60000),
        ("unet/config.json", "layers_per_block", 1), ("vae/config.json", "layers_per_block", 3),
        ("unet/config.json", "cross_attention_dim", 4),
    ])
    func weightsOfAnotherModelAreNamed(_ file: String, _ key: String, _ value: Int) throws {
        var values: [String: Any] = [key: value]
        if key == "cross_attention_dim" { values["projection_class_embeddings_input_dim"] = value + 48 }
        let found = try refusal(file, values)
        #expect(found.contains(file.hasPrefix("unet") ? "unet." : "vae."), "\(found)")
    }

    @Test func aFileThatIsMissingOrBrokenIsNamed() throws {
        for file in [
            "unet/config.json", "vae/config.json", "scheduler/scheduler_config.json",
            "vae/diffusion_pytorch_model.safetensors",
        ] {
            let folder = try DiffusionFixture("usual").copy()
            defer { try? FileManager.default.removeItem(at: folder.deletingLastPathComponent()) }
            let url = folder.appendingPathComponent(file)
            try Data("{\"a\": ".utf8).write(to: url)
            #expect(try !refusal(folder).isEmpty, "\(file) is broken")
            try FileManager.default.removeItem(at: url)
            #expect(try refusal(folder).contains((file as NSString).deletingLastPathComponent), "\(file) is missing")
        }
    }

    @Test func aFolderThatDrawsNothingIsNone() throws {
        let folder = try TestSupport.temporaryFolder()
        defer { try? FileManager.default.removeItem(at: folder) }
        #expect(try DiffusionCheckpoint.file(path: folder.path) == nil)
    }
}
