using System;
using System.CommandLine;
using System.IO;
using System.Runtime.InteropServices;
using System.Text.Json;
using System.Text.Json.Nodes;
using Tbrm.Core.Errors;
using Tbrm.Engine;
using Tbrm.Training.Runs;

namespace Tbrm.Cli.Verbs;

/// <summary><c>doctor</c>: what this installation was built with and what it finds; with <c>--json</c> for
/// programs.</summary>
internal sealed class DoctorVerb : IVerb
{
    private static readonly JsonSerializerOptions s_indented = new() { WriteIndented = true };

    public Command Create()
    {
        Command command = new("doctor", "Says what was found on this machine, and why a path is off");
        Option<bool> check = new("--self-check")
        {
            Description = "Compare every kernel of each device with the CPU's, whether it was done before or not",
        };
        Option<bool> json = new("--json") { Description = "Prints one JSON object instead of text" };
        command.Options.Add(check);
        command.Options.Add(json);
        command.SetAction(parsed => (int)Run(parsed.GetValue(check), parsed.GetValue(json)));
        return command;
    }

    private static ExitCode Run(bool check, bool json)
    {
        ExitCode code = ExitCode.Ok;
        JsonObject report = new()
        {
            ["version"] = ProgramVersion.Text,
            ["dotnet"] = RuntimeInformation.FrameworkDescription,
            ["os"] = RuntimeInformation.OSDescription,
            ["architecture"] = RuntimeInformation.ProcessArchitecture.ToString(),
            ["folder"] = Folder(Directory.GetCurrentDirectory()),
        };
        try
        {
            report["library"] = JsonNode.Parse(EngineLibrary.BuildInfo);
            report["library_path"] = EngineLibrary.LoadedPath;
            report["cpu"] = Describe("cpu", check, ref code);
            report["cuda"] = Describe("cuda", check, ref code);
            report["torch"] = Describe("torch", check, ref code);
        }
        catch (Exception e) when (e is DllNotFoundException or BadImageFormatException)
        {
            report["library"] = e.Message;
            code = ExitCode.Internal;
        }

        if (json)
        {
            Console.Out.WriteLine(report.ToJsonString(s_indented));
            return code;
        }

        string text = VisibleText.Of(DoctorText.Of(report, Terminal.TextWidth));
        Terminal.RawOut.Write(Terminal.IsWatched && Terminal.HasColours ? DoctorText.Coloured(text) : text);
        return code;
    }

    // A device that is not there is a finding; one whose kernels are wrong is a failure.
    private static JsonNode Describe(string name, bool check, ref ExitCode code)
    {
        try
        {
            using EngineDevice device = EngineDevice.Open(name, threads: 0);
            JsonNode description = JsonNode.Parse(device.Description)!;
            if (check)
            {
                description["self_check"] = $"{device.SelfCheck()} results agree with the CPU's";
            }

            return description;
        }
        catch (TbrmUserException e)
        {
            code = e.ExitCode == ExitCode.Internal ? ExitCode.Internal : code;
            return e.Message;
        }
    }

    /// <summary>Where a run's folder would be made: bytes that are free, or why nothing can be written.</summary>
    private static JsonObject Folder(string path)
    {
        JsonObject folder = new() { ["path"] = path };
        try
        {
            string file = Path.Combine(path, $".tbrm-native-{Environment.ProcessId}");
            using (FileStream attempt = new(file, FileMode.CreateNew, FileAccess.Write, FileShare.None, 1,
                FileOptions.DeleteOnClose))
            {
                attempt.WriteByte(0);
            }

            folder["free_bytes"] = new DriveInfo(path).AvailableFreeSpace;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException)
        {
            folder["problem"] = e.Message;
        }

        return folder;
    }
}
