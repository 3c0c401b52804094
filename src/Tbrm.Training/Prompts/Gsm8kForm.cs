using System.Collections.Generic;
using System.Linq;
using Tbrm.Core.Config;
using Tbrm.Core.Errors;
using Tbrm.Text.Chat;
using Tbrm.Verify.Graders;

namespace Tbrm.Training.Prompts;

/// <summary>
/// Whether questions of GSM8K's own files ask for the form that their grader reads (<c>#### 72</c>). Not where the
/// configuration asks for another one
/// (<c>data.append_instruction</c>, <c>data.system_prompt</c>, a named template), or where another grader grades them.
/// </summary>
internal static class Gsm8kForm
{
    private const string DataSource = "gsm8k";

    public static bool IsAsked(RunConfig config, string? dataSource, RunGrader grader) =>
        !AsksItself(config) && IsGradedByIt(dataSource ?? DataSource, grader);

    /// <summary>The same for supervised rows, which need no grader to be there.</summary>
    public static bool IsShown(RunConfig config)
    {
        string other = config.Reward.Grader == "auto" ? DataSource : config.Reward.Grader;
        string grader = config.Reward.Graders.Where(g => DataSourceGrader.Covers(g.Key, DataSource))
            .Select(g => g.Value).FirstOrDefault(other);
        return !AsksItself(config) && grader == DataSource;
    }

    private static bool AsksItself(RunConfig config)
    {
        DataConfig data = config.Data;
        return data.AppendInstruction.Length > 0 || data.SystemPrompt.Length > 0
            || PromptTemplate.Names.Contains(data.Template)
            || config.Reward.GraderOptions.GetValueOrDefault("method") == "flexible";
    }

    private static bool IsGradedByIt(string dataSource, RunGrader grader)
    {
        try
        {
            return grader.GraderFor(dataSource) == DataSource;
        }
        catch (ConfigException)
        {
            // A data source without a grader is an error of its own.
            return false;
        }
    }
}
