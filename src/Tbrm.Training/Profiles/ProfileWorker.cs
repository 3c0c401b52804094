using System;
using System.IO;
using System.Text.Json.Nodes;
using Tbrm.Engine;
using Tbrm.Training.Progress;

namespace Tbrm.Training.Profiles;

/// <summary>
/// The child's side of a profile. First line of its input: a setting. Then a line for each step, which it answers with
/// one line; it ends when the input does.
/// </summary>
public static class ProfileWorker
{
    /// <summary>Serves its parent.</summary>
    public static void Serve(TextReader input, TextWriter output)
    {
        if (input.ReadLine() is not { } first)
        {
            return;
        }

        ProfileSetting setting = ProfileSetting.FromJson(JsonNode.Parse(first)!);
        using EngineDevice device = EngineDevice.Open(setting.Config.Trainer.Device, setting.Config.Trainer.Threads,
            setting.Config.Trainer.BatchInvariant);
        JsonObject rates = MachineRates.Measure().ToJson();
        // What was copied for it would otherwise count as the process's own until it happens to go.
        GC.Collect();
        PhaseMeter meter = new(device);
        PhaseClock clock = new() { Observer = meter.Observe };
        using ProfiledStep step = new(device, setting, clock);
        output.WriteLine(new JsonObject { ["device"] = JsonNode.Parse(device.Description), ["rates"] = rates }
            .ToJsonString());
        output.Flush();
        while (input.ReadLine() is not null)
        {
            output.WriteLine(meter.Step(step.Run).ToJson().ToJsonString());
            output.Flush();
        }
    }
}
