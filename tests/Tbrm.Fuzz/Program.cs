using System;
using System.CommandLine;
using System.Globalization;
using System.IO;
using Tbrm.Core.Errors;
using Tbrm.Fuzz.Campaign;
using Tbrm.Fuzz.Targets;

namespace Tbrm.Fuzz;

/// <summary>
/// <c>Tbrm.Fuzz TARGET --minutes 10</c> tries a reader on damaged inputs; <c>Tbrm.Fuzz replay TARGET FILE</c> reads one
/// that
/// was kept.
/// </summary>
internal static class Program
{
    private const int DefectsFound = 1;

    private static int Main(string[] args)
    {
        // The worker is started by the campaign alone, and its arguments are no one else's business.
        if (args.Length > 0 && args[0] == "worker")
        {
            return RunWorker(args);
        }

        Argument<string> target = new("target") { Description = string.Join(", ", FuzzTargets.Names) };
        Option<double> minutes = new("--minutes") { Description = "How long.", DefaultValueFactory = _ => 1 };
        Option<long> count =
            new("--count") { Description = "At most so many inputs.", DefaultValueFactory = _ => long.MaxValue };
        Option<int> seed = new("--seed") { Description = "Which inputs.", DefaultValueFactory = _ => 1 };
        Option<string> output =
            new("--out")
            {
                Description = "Folder for the inputs that show a defect.",
                DefaultValueFactory = _ => "artifacts/fuzz"
            };
        RootCommand root = new(
            "Tries the readers of the product on damaged and hostile inputs.") { target, minutes, count, seed, output };
        root.SetAction(parsed => RunCampaign(
            new FuzzCampaign
            {
                Target = parsed.GetValue(target)!,
                Seed = parsed.GetValue(seed),
                Count = parsed.GetValue(count),
                Duration = TimeSpan.FromMinutes(parsed.GetValue(minutes)),
                Progress = (counts, elapsed) => Console.Error.WriteLine(Describe(counts, elapsed)),
            },
            parsed.GetValue(output)!));

        Argument<string> replayed = new("target");
        Argument<string> file = new("file");
        Command replay = new("replay", "Reads one input.") { replayed, file };
        replay.SetAction(parsed => Replay(parsed.GetValue(replayed)!, parsed.GetValue(file)!));
        root.Subcommands.Add(replay);
        try
        {
            return root.Parse(args).Invoke(new() { EnableDefaultExceptionHandler = false });
        }
        catch (TbrmUserException e)
        {
            Console.Error.WriteLine(e.Message);
            return (int)e.ExitCode;
        }
    }

    private static int RunWorker(string[] args)
    {
        using Heartbeat heartbeat = new(args[5]);
        FuzzWorker.Run(FuzzTargets.Create(args[1]), int.Parse(args[2], CultureInfo.InvariantCulture), Number(args[3]),
            Number(args[4]), heartbeat);
        return 0;
    }

    private static int RunCampaign(FuzzCampaign campaign, string folder)
    {
        FuzzResult result = campaign.Run();
        Console.WriteLine(
            $"{campaign.Target}, seed {campaign.Seed}: {Describe(result.Counts, result.Elapsed)}, "
                + $"{result.Defects.Count} defects");
        foreach (FuzzDefect defect in result.Defects)
        {
            Directory.CreateDirectory(folder);
            string path = Path.Combine(folder, $"{campaign.Target}-{campaign.Seed}-{defect.Index}");
            File.WriteAllBytes(path, defect.Input);
            File.WriteAllText(path + ".txt",
                $"{defect.Kind}: {defect.Description.Replace(" | ", "\n", StringComparison.Ordinal)}\n");
            Console.WriteLine(
                $"{path}: {defect.Kind}: {defect.Description[..Math.Min(300, defect.Description.Length)]}");
        }

        return result.Defects.Count == 0 ? 0 : DefectsFound;
    }

    private static int Replay(string name, string file)
    {
        string? defect = FuzzWorker.Read(
            FuzzTargets.Create(name), File.ReadAllBytes(file), out bool accepted, out long allocated);
        Console.WriteLine(defect ?? $"{(accepted ? "accepted" : "refused")}, {allocated} bytes allocated");
        return defect is null ? 0 : DefectsFound;
    }

    private static string Describe(FuzzCounts counts, TimeSpan elapsed) => string.Create(
        CultureInfo.InvariantCulture,
        $"{counts.Accepted + counts.Refused} inputs ({counts.Accepted} accepted), {counts.Bytes / 1e6:F1} MB in "
            + $"{elapsed.TotalSeconds:F0} s; "
        + $"slowest {counts.SlowestMilliseconds} ms, most allocated {counts.MostAllocated / 1e6:F1} MB");

    private static long Number(string text) => long.Parse(text, CultureInfo.InvariantCulture);
}
