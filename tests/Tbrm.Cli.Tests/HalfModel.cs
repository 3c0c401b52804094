using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Text;
using System.Text.Json.Nodes;
using Tbrm.Engine;
using Tbrm.Engine.Models;

namespace Tbrm.Cli.Tests;

/// <summary>A model folder whose tensors are float16, as older Hugging Face models are, written without the
/// engine.</summary>
internal static class HalfModel
{
    /// <summary>Writes a copy of a model folder in float16. A third of each value is added, so that all of float16's
    /// bits are in use.</summary>
    public static void Write(string modelFolder, string folder)
    {
        Directory.CreateDirectory(folder);
        foreach (string file in Directory.GetFiles(modelFolder).Where(f => Path.GetExtension(f) == ".json"))
        {
            File.Copy(file, Path.Combine(folder, Path.GetFileName(file)));
        }

        string config = Path.Combine(folder, "config.json");
        JsonObject json = (JsonObject)JsonNode.Parse(File.ReadAllText(config))!;
        json["torch_dtype"] = "float16";
        File.WriteAllText(config, json.ToJsonString());

        JsonObject header = [];
        using MemoryStream data = new();
        foreach ((TensorInfo tensor, float[] values) in Tensors(modelFolder))
        {
            long begin = data.Length;
            foreach (float value in values)
            {
                data.Write(BitConverter.GetBytes((Half)(value * 4 / 3)));
            }

            JsonArray shape = tensor.Columns > 0 ? new(tensor.Rows, tensor.Columns) : new(tensor.Rows);
            header[tensor.Name] =
                new JsonObject
                {
                    ["dtype"] = "F16",
                    ["shape"] = shape,
                    ["data_offsets"] = new JsonArray(begin, data.Length)
                };
        }

        byte[] text = Encoding.UTF8.GetBytes(header.ToJsonString());
        File.WriteAllBytes(Path.Combine(folder, "model.safetensors"),
            [.. BitConverter.GetBytes((long)text.Length), .. text, .. data.ToArray()]);
    }

    /// <summary>All weights of a model folder in the order of the model's tensors, as fp32.</summary>
    public static float[] Weights(string folder) => [.. Tensors(folder).SelectMany(t => t.Values)];

    private static List<(TensorInfo Tensor, float[] Values)> Tensors(string folder)
    {
        using EngineDevice device = EngineDevice.Open("cpu", 1);
        using Policy policy =
            ModelFolder.Load(device, folder, _ => new() { Bf16 = false, MaxPositions = 1, Trainable = false });
        return [.. policy.BaseTensors().Select(t => (t, policy.ReadTensor(t)))];
    }
}
