using System.Collections.Generic;
using System.Globalization;
using System.Linq;
using System.Text;
using System.Text.Json.Nodes;

namespace Tbrm.Training.Plans;

/// <summary>A plan as YAML comments, which leave the configuration above them a configuration, and as JSON.</summary>
public static class PlanText
{
    /// <summary>Lines that begin with <c>#</c>.</summary>
    public static string ToComments(this RunPlan plan)
    {
        StringBuilder text = new();
        string trained = plan.Trained != plan.Parameters ? $" ({Count(plan.Trained)} of an adapter are trained)" : "";
        text.Append(CultureInfo.InvariantCulture,
            $"# plan of {plan.Verb}: {plan.Model}, {Count(plan.Parameters)} parameters{trained}, {plan.Dtype}, on "
                + $"{plan.Device}\n#\n# batch (tokens: every prompt and response at its full length)\n");
        foreach ((string name, string value, string note) in Batch(plan.Batch, plan.Verb))
        {
            Line(text, name, value, note);
        }

        MemoryPlan memory = plan.Memory;
        text.Append("#\n# memory at most, GB\n");
        foreach (MemoryPart part in memory.Parts)
        {
            Line(text, part.Name, Gigabytes(part.Bytes), part.Note);
        }

        if (memory.Of(MemoryPhase.Rollout) > 0 && memory.Of(MemoryPhase.Update) > 0)
        {
            Line(text, "rollout, update",
                $"{Gigabytes(memory.Of(MemoryPhase.Rollout))}, {Gigabytes(memory.Of(MemoryPhase.Update))}",
                "take turns: the larger counts");
        }

        string fits = memory.Available <= 0 ? "" : memory.Fits ? $"of {Gigabytes(memory.Available)}: fits"
            : $"of {Gigabytes(memory.Available)}: DOES NOT FIT, {Gigabytes(memory.Total - memory.Available)} too much";
        Line(text, "total", Gigabytes(memory.Total), fits);
        if (memory.ActivationsKept > 0)
        {
            Line(text, "activations, kept", Gigabytes(memory.ActivationsKept),
                "model.enable_gradient_checkpointing=false");
            Line(text, "activations, run again", Gigabytes(memory.ActivationsRecomputed),
                "model.enable_gradient_checkpointing=true");
        }

        if (memory.PpoExtra > 0)
        {
            Line(text, "PPO would take", Gigabytes(memory.Total + memory.PpoExtra),
                string.Create(CultureInfo.InvariantCulture,
                    $"{Gigabytes(memory.PpoExtra)} more: a critic with its training state; this run takes "
                        + $"{(double)memory.PpoExtra / (memory.Total + memory.PpoExtra) * 100:0}% less"));
        }

        AppendAdvice(text, memory);
        foreach (string note in plan.Notes)
        {
            text.Append("# note: ").Append(note).Append('\n');
        }

        return text.ToString();
    }

    /// <summary>The same as an object; bytes and counts are whole numbers.</summary>
    public static JsonObject ToJson(this RunPlan plan)
    {
        BatchPlan batch = plan.Batch;
        MemoryPlan memory = plan.Memory;
        return new()
        {
            ["verb"] = plan.Verb,
            ["model"] = new JsonObject
            {
                ["name"] = plan.Model,
                ["parameters"] = plan.Parameters,
                ["trained_parameters"] = plan.Trained,
                ["dtype"] = plan.Dtype
            },
            ["device"] = plan.Device,
            ["batch"] = new JsonObject
            {
                ["prompts"] = batch.Prompts,
                ["samples"] = batch.Samples,
                ["trajectories"] = batch.Trajectories,
                ["tokens_per_step"] = batch.TokensPerStep,
                ["micro_batches"] = batch.MicroBatches,
                ["micro_batch_trajectories"] = batch.MicroBatchSequences,
                ["micro_batch_tokens"] = batch.MicroBatchTokens,
                ["data_prompts"] = batch.DataPrompts,
                ["steps_per_epoch"] = batch.StepsPerEpoch,
                ["steps"] = batch.Steps,
                ["updates_per_step"] = batch.UpdatesPerStep,
                ["optimizer_steps"] = batch.Updates,
                ["total_tokens"] = batch.TotalTokens,
            },
            ["memory"] = new JsonObject
            {
                ["parts"] = new JsonObject(memory.Parts.Select(p => KeyValuePair.Create(p.Key, (JsonNode?)p.Bytes))),
                ["phases"] = new JsonObject
                {
                    ["always"] = memory.Of(MemoryPhase.Always),
                    ["start"] = memory.Of(MemoryPhase.Start),
                    ["rollout"] = memory.Of(MemoryPhase.Rollout),
                    ["reference"] = memory.Of(MemoryPhase.Reference),
                    ["update"] = memory.Of(MemoryPhase.Update),
                    ["critic"] = memory.Of(MemoryPhase.Critic),
                },
                ["total"] = memory.Total,
                ["available"] = memory.Available,
                ["fits"] = memory.Fits,
                ["kv_pages"] = memory.KvPages,
                ["activations_kept"] = memory.ActivationsKept,
                ["activations_recomputed"] = memory.ActivationsRecomputed,
                ["ppo_total"] = memory.PpoExtra > 0 ? memory.Total + memory.PpoExtra : null,
                ["knobs"] = new JsonArray(
                    [.. memory.Knobs.Select(k =>
                    (JsonNode)new JsonObject { ["setting"] = k.Setting, ["saves"] = k.Saves })]),
            },
            ["notes"] = new JsonArray([.. plan.Notes.Select(n => (JsonNode)n)]),
        };
    }

    private static IEnumerable<(string Name, string Value, string Note)> Batch(BatchPlan batch, string verb)
    {
        if (verb == RunPlan.Evaluation)
        {
            yield return ("problems", batch.DataPrompts is { } problems ? Count(problems) : "?",
                batch.DataPrompts is null ? "the files are not here" : "");
            yield return ("responses to each", Count(batch.Samples), "rollout.val_kwargs.n");
            yield return ("tokens at most", batch.TotalTokens is { } most ? Count(most) : "?",
                $"{batch.LongestSequence} of a prompt and a response");
            yield break;
        }

        yield return ("trajectories a step", Count(batch.Trajectories),
            verb == "sft" ? "examples" : $"{batch.Prompts} prompts x {batch.Samples} responses");
        yield return ("tokens a step", Count(batch.TokensPerStep), $"{batch.Trajectories} x {batch.LongestSequence}");
        yield return ("micro-batches a step", Count(batch.MicroBatches),
            $"{batch.MicroBatchSequences} trajectories, {batch.MicroBatchTokens} tokens each");
        yield return ("steps an epoch", batch.StepsPerEpoch is { } epoch ? Count(epoch) : "?",
            batch.DataPrompts is { } prompts ? $"{prompts} prompts" : "the prompts have no end, or are not here");
        yield return ("steps", batch.Steps is { } steps ? Count(steps) : "?", "");
        yield return ("optimizer steps", batch.Updates is { } updates ? Count(updates) : "?",
            batch.UpdatesPerStep == 1 ? "one a step" : $"{batch.UpdatesPerStep} a step: mini-batches x epochs");
        yield return ("tokens of the run", batch.TotalTokens is { } total ? Count(total) : "?", "");
    }

    private static void AppendAdvice(StringBuilder text, MemoryPlan memory)
    {
        if (memory.Fits)
        {
            return;
        }

        long over = memory.Total - memory.Available, saved = 0;
        text.Append("#\n# what to change, the largest saving first\n");
        foreach (MemoryKnob knob in memory.Knobs)
        {
            text.Append(CultureInfo.InvariantCulture, $"#   {knob.Setting,-48} saves {Gigabytes(knob.Saves)}\n");
            saved += knob.Saves;
        }

        if (saved < over)
        {
            text.Append("#   all of it together is not enough: a smaller model, or a device with more memory\n");
        }
    }

    private static void Line(StringBuilder text, string name, string value, string note) =>
        text.Append(CultureInfo.InvariantCulture, $"#   {name,-24} {value,14}  {note}").Append('\n');

    private static string Count(long number) => number.ToString("#,0", CultureInfo.InvariantCulture);

    private static string Gigabytes(long bytes) =>
        bytes < 10_000_000 ? (bytes / 1e9).ToString("0.00000", CultureInfo.InvariantCulture)
            : (bytes / 1e9).ToString("0.000", CultureInfo.InvariantCulture);
}
