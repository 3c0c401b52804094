using System.Collections.Generic;
using System.Linq;
using Tbrm.Core.Config;
using Tbrm.Core.Errors;
using Tbrm.Text.Chat;

namespace Tbrm.Training.Prompts;

/// <summary>
/// Whether questions of GSM8K's own files ask for the form that their grader reads (<c>#### 72</c>). Not where the
/// configuration asks for another one
/// (<c>data.append_instruction</c>, <c>data.system_prompt</c>, a named template), or where another grader grades them.
/// </summary>
internal static class Gsm8kForm
{
    private const string DataSource = "gsm8k";

    public static bool IsAsked(RunConfig config, string? dataSource, RunGrader grader)
    {
        DataConfig data = config.Data;
        bool asksItself = data.AppendInstruction.Length > 0 || data.SystemPrompt.Length > 0
            || PromptTemplate.Names.Contains(data.Template);
        return !asksItself && config.Reward.GraderOptions.GetValueOrDefault("method") != "flexible"
            && IsGradedByIt(dataSource ?? DataSource, grader);
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
