using System;
using System.Diagnostics;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Threading.Tasks;
using Tbrm.Core.Errors;
using Tbrm.Training.Profiles;

namespace Tbrm.Cli.Profiles;

/// <summary>A process of its own for one opponent: what another one held, and the heap that it left, is not in its
/// numbers.</summary>
internal sealed class ProfileChild : IDisposable
{
    private readonly Process _process;
    private readonly Task<string> _error;
    private readonly string _name;

    /// <summary>Starts it, and waits until its models are there.</summary>
    /// <exception cref="TbrmUserException">It ended, with its exit code and message.</exception>
    public ProfileChild(ProfileSetting setting)
    {
        _name = setting.Opponent.Name;
        _process = Process.Start(Command()) ?? throw new InvalidOperationException("no child process was started");
        _error = _process.StandardError.ReadToEndAsync();
        JsonNode ready = Ask(setting.ToJson().ToJsonString());
        Device = ready["device"]!.AsObject();
        Rates = MachineRates.FromJson(ready["rates"]!);
    }

    /// <summary>What it computes on.</summary>
    public JsonObject Device { get; }

    /// <summary>What the machine gave.</summary>
    public MachineRates Rates { get; }

    /// <summary>Lets it make one step.</summary>
    public StepRecord Step() => StepRecord.FromJson(Ask("step"));

    /// <inheritdoc/>
    public void Dispose()
    {
        try
        {
            _process.StandardInput.Close();
            if (!_process.WaitForExit(TimeSpan.FromSeconds(30)))
            {
                _process.Kill(entireProcessTree: true);
            }
        }
        finally
        {
            _process.Dispose();
        }
    }

    private static ProcessStartInfo Command()
    {
        string program = Environment.ProcessPath ?? throw new InvalidOperationException("the program has no path");
        ProcessStartInfo start = new(program)
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        // As `dotnet tbrm-native.dll`, the process is dotnet.
        if (System.IO.Path.GetFileNameWithoutExtension(program).Equals("dotnet", StringComparison.OrdinalIgnoreCase))
        {
            start.ArgumentList.Add(typeof(ProfileChild).Assembly.Location);
        }

        start.ArgumentList.Add("profile");
        start.ArgumentList.Add("worker");
        return start;
    }

    private JsonNode Ask(string line)
    {
        try
        {
            _process.StandardInput.WriteLine(line);
            _process.StandardInput.Flush();
        }
        catch (System.IO.IOException)
        {
            // It has ended; its own message says why.
        }

        string? answer = _process.StandardOutput.ReadLine();
        if (answer is not null)
        {
            return JsonNode.Parse(answer) ?? throw new JsonException("a child answered null");
        }

        _process.WaitForExit();
        string said = _error.Result.Trim();
        // Killed by a signal: most often for want of memory.
        bool isKilled = _process.ExitCode is 137 or -9;
        ExitCode code = isKilled ? ExitCode.OutOfMemory
            : Enum.IsDefined((ExitCode)_process.ExitCode) && _process.ExitCode != 0 ? (ExitCode)_process.ExitCode
            : ExitCode.Internal;
        string why = isKilled ? "it was killed, most likely for want of memory: a smaller --shape, --lengths or --batch"
            : said.StartsWith("tbrm-native: ", StringComparison.Ordinal) ? said["tbrm-native: ".Length..] : said;
        throw new TbrmUserException(code, $"profile of {_name}: {why}");
    }
}
