using System;
using System.CommandLine;
using System.IO;
using System.Linq;
using System.Threading.Tasks;
using Tbrm.Core.Errors;
using Tbrm.Watch.Server;

namespace Tbrm.Cli.Verbs;

/// <summary><c>watch</c>: a local page over runs, live.</summary>
internal sealed class WatchVerb : IVerb
{
    private readonly Argument<string[]> _runs = new("runs")
    {
        Description = "Run folders, or folders that hold some; runs when none is named",
        HelpName = "RUN",
        Arity = ArgumentArity.ZeroOrMore,
    };

    private readonly Option<int> _port = new("--port")
    {
        Description = "The port on the loopback interface; any that is free when it is not given",
        HelpName = "N",
    };

    public Command Create()
    {
        Command command = new(
            "watch", "Serves a page to this machine alone: runs as they go, curves, rollouts, configurations");
        command.Arguments.Add(_runs);
        command.Options.Add(_port);
        command.SetAction(parsed => (int)Serve(parsed.GetValue(_runs) ?? [], parsed.GetValue(_port)).GetAwaiter()
            .GetResult());
        return command;
    }

    private static async Task<ExitCode> Serve(string[] runs, int port)
    {
        string[] folders = runs.Length > 0 ? runs : ["runs"];
        if (port is < 0 or > 65535)
        {
            throw new ConfigException($"--port {port}: expected 1 to 65535, or 0 for any that is free");
        }

        // runs/ may come later; a folder that was named must be there.
        if (runs.FirstOrDefault(r => !Directory.Exists(r)) is { } missing)
        {
            throw new DataException($"{missing} is not a folder; name a run folder, or one that holds runs");
        }

        using StopSignals signals = new(saves: false);
        await using WatchServer server = await WatchServer.Start(folders, port);
        Console.Out.WriteLine(server.Address);
        Console.Error.WriteLine("tbrm-native: open the address in a browser on this machine; Ctrl-C ends");
        await server.Run(signals.Token);
        return ExitCode.Ok;
    }
}
