using System;
using System.CommandLine;
using System.Runtime.InteropServices;
using System.Text.Json;
using System.Text.Json.Nodes;
using Tbrm.Core;
using Tbrm.Engine;
using Tbrm.Interop;

namespace Tbrm.Cli.Verbs;

/// <summary><c>doctor</c>: what this installation was built with and what it finds, as JSON.</summary>
internal sealed class DoctorVerb : IVerb
{
    private static readonly JsonSerializerOptions s_indented = new() { WriteIndented = true };

    public Command Create()
    {
        Command command = new("doctor", "Says what was found on this machine, and why a path is off");
        command.SetAction(_ => (int)Run());
        return command;
    }

    private static ExitCode Run()
    {
        JsonObject report = new()
        {
            ["dotnet"] = RuntimeInformation.FrameworkDescription,
            ["os"] = RuntimeInformation.OSDescription,
            ["architecture"] = RuntimeInformation.ProcessArchitecture.ToString(),
        };
        try
        {
            report["library"] = JsonNode.Parse(LibraryLoader.BuildInfo);
            report["library_path"] = LibraryLoader.LoadedPath;
            report["cpu"] = Describe("cpu");
            report["cuda"] = Describe("cuda");
        }
        catch (Exception e) when (e is DllNotFoundException or BadImageFormatException)
        {
            report["library"] = e.Message;
            Console.Out.WriteLine(report.ToJsonString(s_indented));
            return ExitCode.Internal;
        }

        Console.Out.WriteLine(report.ToJsonString(s_indented));
        return ExitCode.Ok;
    }

    private static JsonNode Describe(string name)
    {
        try
        {
            using EngineDevice device = EngineDevice.Open(name, threads: 0);
            return JsonNode.Parse(device.Description)!;
        }
        catch (TbrmUserException e)
        {
            return e.Message;
        }
    }
}
