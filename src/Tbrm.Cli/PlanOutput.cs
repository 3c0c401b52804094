using System;
using System.Text.Json;
using System.Text.Json.Nodes;
using Tbrm.Core.Config;
using Tbrm.Core.Errors;
using Tbrm.Training.Config;
using Tbrm.Training.Plans;

namespace Tbrm.Cli;

/// <summary>What a dry run prints on stdout.</summary>
internal static class PlanOutput
{
    private static readonly JsonSerializerOptions s_indented =
        new() { WriteIndented = true, Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>
    /// The resolved configuration as YAML with the plan below it in comments, so that the output can be given back with
    /// -c; or both as one JSON
    /// object.
    /// </summary>
    public static ExitCode Print(RunConfig config, string verb, bool json, PlanTarget? target = null)
    {
        RunPlan plan = RunPlan.Of(config, verb, target);
        if (json)
        {
            Console.Out.WriteLine(
                new JsonObject
                {
                    ["config"] = ConfigWriter.ToJson(config),
                    ["plan"] = plan.ToJson()
                }.ToJsonString(s_indented));
        }
        else
        {
            Console.Out.Write(ConfigWriter.ToYaml(config));
            Console.Out.Write(plan.ToComments());
        }

        return ExitCode.Ok;
    }
}
