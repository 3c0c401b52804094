using System;
using System.CommandLine;
using System.Runtime.InteropServices;
using System.Text.Json;
using System.Text.Json.Nodes;
using Tbrm.Core.Errors;
using Tbrm.Engine;

namespace Tbrm.Cli.Verbs;

/// <summary><c>doctor</c>: what this installation was built with and what it finds, as JSON.</summary>
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
        command.Options.Add(check);
        command.SetAction(parsed => (int)Run(parsed.GetValue(check)));
        return command;
    }

    private static ExitCode Run(bool check)
    {
        ExitCode code = ExitCode.Ok;
        JsonObject report = new()
        {
            ["dotnet"] = RuntimeInformation.FrameworkDescription,
            ["os"] = RuntimeInformation.OSDescription,
            ["architecture"] = RuntimeInformation.ProcessArchitecture.ToString(),
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
            Console.Out.WriteLine(report.ToJsonString(s_indented));
            return ExitCode.Internal;
        }

        Console.Out.WriteLine(report.ToJsonString(s_indented));
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
}
