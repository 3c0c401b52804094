using System.Linq;
using System.Threading;
using Tbrm.Core.Config;
using Tbrm.Core.Errors;
using Tbrm.Data.Sources;
using Tbrm.Training.Prompts;

namespace Tbrm.Training.Sessions;

/// <summary>What supervised steps learn from and what their loss is measured on.</summary>
/// <param name="Train">Examples to learn from.</param>
/// <param name="HeldOut">Examples that are never learned from; null when there are none.</param>
/// <param name="Note">What was left out, for people; empty when nothing was.</param>
public sealed record SupervisedSources(ISupervisedSource Train, ISupervisedSource? HeldOut, string Note)
{
    /// <summary>sft.train_files; without them the problems of section <c>data</c> with their answers.</summary>
    /// <param name="session">Tokenizer, template and problems.</param>
    /// <param name="isWarmStart">The steps come before reinforcement steps: other problems of a task than
    /// those.</param>
    /// <param name="stop">Ends the reading of files.</param>
    /// <exception cref="ConfigException">There is nothing to learn from.</exception>
    /// <exception cref="DataException">A file cannot be used.</exception>
    public static SupervisedSources Of(TrainingSession session, bool isWarmStart, CancellationToken stop)
    {
        if (session.Config.Sft.TrainFiles.Count > 0)
        {
            return OfFiles(session, needsHeldOut: !isWarmStart, stop);
        }

        IPromptSource problems = session.Train
            ?? throw new ConfigException(
            "there is nothing to train on: set sft.train_files, data.task or data.train_files");
        // Files for evaluation need not have an answer that can be shown; a task's problems have.
        IPromptSource? heldOut = isWarmStart || !session.TrainsOnTask || session.Config.Data.ValFiles.Count > 0 ? null
            : session.Validation;
        return new(Shown(isWarmStart ? new OffsetPromptSource(problems) : problems),
            heldOut is null ? null : Shown(heldOut), "");

        DemonstrationSource Shown(IPromptSource source) =>
            new(source, session.Encoder, session.Demonstrations, session.Config.Data.MaxResponseLength);
    }

    private static SupervisedSources OfFiles(TrainingSession session, bool needsHeldOut, CancellationToken stop)
    {
        RunConfig config = session.Config;
        SupervisedEncoder encoder = new(session.Encoder, session.StopIds, config);
        SupervisedDataset train =
            SupervisedDataset.Load(config.Sft.TrainFiles, SupervisedFiles.Keys(config), encoder,
            config.Data.TrainMaxSamples, stop);
        SupervisedDataset? heldOut = null;
        if (config.Sft.ValFiles.Count > 0)
        {
            heldOut = needsHeldOut
                ? SupervisedDataset.Load(config.Sft.ValFiles, SupervisedFiles.Keys(config), encoder,
                config.Data.ValMaxSamples, stop) : null;
        }
        else if (config.Sft.ValShare > 0)
        {
            (train, heldOut) = train.Split(config.Sft.ValShare, (ulong)config.Data.Seed);
        }

        SupervisedCounts counts = heldOut is null ? train.Counts : train.Counts + heldOut.Counts;
        const int shown = 20;
        string[] notes =
        [
            counts.Total == 0 ? ""
                : $"supervised examples that are left out (data.max_prompt_length={config.Data.MaxPromptLength}, "
                    + $"data.max_response_length={config.Data.MaxResponseLength}): {counts}",
            counts.UnreadColumns.Count == 0 ? "" : "sft.train_files: columns that nothing reads: "
                + string.Join(", ", counts.UnreadColumns.Take(shown))
                + (counts.UnreadColumns.Count > shown ? ", ..." : ""),
            session.Encoder.TakeUnread() is { } unread ? "sft.train_files: " + unread : "",
        ];
        return new(train, heldOut, string.Join('\n', notes.Where(note => note.Length > 0)));
    }
}
