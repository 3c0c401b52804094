using System.Collections.Generic;
using System.Linq;
using Tbrm.Core.Config;
using Tbrm.Data.Prompts;

namespace Tbrm.Training.Prompts;

/// <summary>The files of section sft before they are tokens.</summary>
internal static class SupervisedFiles
{
    /// <summary>Examples of the configured files, unencoded: what a tokenizer is trained on.</summary>
    public static IEnumerable<SupervisedExample> Texts(RunConfig config) =>
        SupervisedRow.ReadFiles(config.Sft.TrainFiles, Keys(config)).Where(e => e.Unusable is null);

    /// <summary>The columns that the configuration names.</summary>
    public static SupervisedKeys Keys(RunConfig config) =>
        new()
        {
            Messages = config.Sft.MessagesKey,
            Prompt = config.Data.PromptKey,
            Response = config.Sft.ResponseKey,
            AsksGsm8kForm = Gsm8kForm.IsShown(config),
        };
}
