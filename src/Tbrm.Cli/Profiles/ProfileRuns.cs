using System;
using System.Collections.Generic;
using System.Globalization;
using System.Linq;
using System.Text.Json.Nodes;
using Tbrm.Engine;
using Tbrm.Training.Profiles;

namespace Tbrm.Cli.Profiles;

/// <summary>Starts the children of a profile, and gathers what they say.</summary>
internal static class ProfileRuns
{
    /// <summary>Share of the device's memory that children may take together; beyond it they take turns.</summary>
    private const double TogetherShare = 0.6;

    /// <summary>Every setting in a child of its own, one after the other.</summary>
    public static MemoryProfile Memory(ProfileShape shape, IReadOnlyList<ProfileSetting> settings, int steps,
        IReadOnlyList<MapCell> map)
    {
        (bool isCuda, int threads, long available) = Device(settings[0]);
        List<Measurement> all = [];
        string device = "";
        foreach (ProfileSetting setting in settings)
        {
            Forecast plan = Forecast.Of(setting, isCuda, threads, available);
            StepRecord? step = null;
            if (setting.Opponent.IsMeasured)
            {
                Say($"{setting.Opponent.Label}, {setting.Batch} prompts, {setting.Length} response tokens");
                using ProfileChild child = new(setting);
                device = NameOf(child.Device);
                for (int i = 0; i < steps; i++)
                {
                    step = child.Step();
                }
            }

            all.Add(new(setting.Opponent, setting.Length, setting.Batch, plan, step));
        }

        return new(shape.Name, About(settings[0], device), all, map);
    }

    /// <summary>One step of everybody makes a round; the first of each warms up and is not counted. Every second round
    /// goes backwards, so that nobody always comes first.</summary>
    public static TimeProfile Time(ProfileShape shape, IReadOnlyList<ProfileSetting> settings, int rounds)
    {
        (bool isCuda, int threads, long available) = Device(settings[0]);
        long together = settings.Sum(s => Forecast.Of(s, isCuda, threads, available).Peak);
        bool isTogether = available <= 0 || together <= available * TogetherShare;
        if (!isTogether)
        {
            Say("not all of them fit into memory together: each step in a process of its own");
        }

        ProfileChild?[] children = new ProfileChild?[settings.Count];
        List<List<StepRecord>> records = [.. settings.Select(_ => new List<StepRecord>())];
        (string device, double rate) = ("", 0);
        try
        {
            for (int round = isTogether ? -1 : 0; round < rounds; round++)
            {
                for (int k = 0; k < settings.Count; k++)
                {
                    int i = round % 2 == 0 ? k : settings.Count - 1 - k;
                    Say((round < 0 ? "warm-up" : $"round {round + 1} of {rounds}") + ": " + settings[i].Opponent.Label);
                    ProfileChild child = children[i] ??= new(settings[i]);
                    (device, rate) = (NameOf(child.Device), Math.Max(rate, child.Rates.Bytes));
                    StepRecord step = child.Step();
                    if (!isTogether)
                    {
                        step = child.Step();
                        child.Dispose();
                        children[i] = null;
                    }

                    if (round >= 0)
                    {
                        records[i].Add(step);
                    }
                }
            }
        }
        finally
        {
            Array.ForEach(children, c => c?.Dispose());
        }

        return new(shape.Name, About(settings[0], device),
            [.. settings.Select((s, i) => new TimedOpponent(s, records[i]))], rate);
    }

    private static (bool IsCuda, int Threads, long Available) Device(ProfileSetting setting)
    {
        using EngineDevice device = EngineDevice.Open(setting.Config.Trainer.Device, setting.Config.Trainer.Threads);
        return (device.IsCuda, device.Threads, device.Memory().DeviceTotal);
    }

    private static string About(ProfileSetting setting, string device)
    {
        double parameters = setting.Shape.Architecture.ParameterCount;
        return string.Create(CultureInfo.InvariantCulture,
            $"{parameters / 1e6:0.0}M parameters, {(setting.IsBf16 ? "bf16" : "fp32")}, ")
            + $"prompts of {setting.Config.Data.MaxPromptLength} tokens, "
            + $"micro-batches of {setting.Config.Actor.PpoMaxTokenLenPerGpu} tokens"
            + (setting.Options.Recompute ? ", layers run again in backward" : "") + ", on " + device;
    }

    private static string NameOf(JsonObject device) =>
        (string?)device["name"] ?? string.Create(CultureInfo.InvariantCulture,
            $"{(string?)device["device"]}, {(int?)device["threads"]} threads, {(string?)device["isa"]}");

    private static void Say(string message) => Console.Error.WriteLine("tbrm-native: " + message);
}
