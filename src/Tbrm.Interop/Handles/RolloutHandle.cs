using System;
using System.Linq;
using System.Text;

namespace Tbrm.Interop.Handles;

/// <summary>How responses are sampled; the fields are those of tbrm_sampling_t.</summary>
public sealed record NativeSamplingOptions
{
    /// <summary>Longest response, in tokens.</summary>
    public required int MaxNewTokens { get; init; }

    /// <summary>Stop ids are masked before this many tokens.</summary>
    public int MinNewTokens { get; init; }

    /// <summary>0 = off.</summary>
    public int TopK { get; init; }

    /// <summary>1 = off.</summary>
    public float TopP { get; init; } = 1;

    /// <summary>0 = off.</summary>
    public float MinP { get; init; }

    /// <summary>0 = greedy.</summary>
    public float Temperature { get; init; } = 1;

    /// <summary>1 = off.</summary>
    public float RepetitionPenalty { get; init; } = 1;

    /// <summary>Keys the random streams together with the trajectory ids.</summary>
    public ulong Seed { get; init; }

    /// <summary>Ids from here on are never sampled; 0 = all may be.</summary>
    public int SampledVocabSize { get; init; }

    /// <summary>Ids that end a response.</summary>
    public ReadOnlyMemory<int> StopIds { get; init; }

    /// <summary>Texts that end a response. Need <see cref="RolloutHandle.SetTokenBytes"/>.</summary>
    public string[] StopStrings { get; init; } = [];
}

/// <summary>tbrm_rollout_t: page pool and scheduler over a model.</summary>
public sealed unsafe class RolloutHandle : NativeHandle
{
    /// <summary>Allocates the page pool.</summary>
    public static RolloutHandle Create(ModelHandle model, NativeRolloutConfig config)
    {
        config.StructSize = sizeof(NativeRolloutConfig);
        NativeError.ThrowIfFailed(
            NativeMethods.tbrm_rollout_create(model, &config, out RolloutHandle rollout, out NativeError err), err);
        return rollout;
    }

    /// <summary>The bytes of every id: bytes[offsets[id] .. offsets[id + 1]).</summary>
    public void SetTokenBytes(ReadOnlySpan<long> offsets, ReadOnlySpan<byte> bytes)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(offsets.Length, 1);
        if (offsets[^1] != bytes.Length)
        {
            throw new ArgumentException($"offsets end at {offsets[^1]} but there are {bytes.Length} bytes",
                nameof(offsets));
        }

        fixed (long* o = offsets)
        fixed (byte* b = bytes)
        {
            NativeError.ThrowIfFailed(
                NativeMethods.tbrm_rollout_set_token_bytes(this, offsets.Length - 1, o, b, out NativeError err), err);
        }
    }

    /// <summary>Samples from pi_guide^(1 - scale) pi^scale; the library keeps the guide alive.</summary>
    public void SetGuide(ModelHandle guide, float scale) =>
        NativeError.ThrowIfFailed(NativeMethods.tbrm_rollout_set_guide(this, guide, scale, out NativeError err), err);

    /// <summary>Queues one prompt with a trajectory per id.</summary>
    public void Submit(ReadOnlySpan<int> promptIds, ReadOnlySpan<long> trajectoryIds, NativeSamplingOptions options)
    {
        long[] stringOffsets = new long[options.StopStrings.Length + 1];
        // Each on its own: halves of a surrogate pair in two texts would be four bytes together and six apart.
        byte[] stringBytes = [.. options.StopStrings.SelectMany(Encoding.UTF8.GetBytes)];
        for (int i = 0; i < options.StopStrings.Length; i++)
        {
            stringOffsets[i + 1] = stringOffsets[i] + Encoding.UTF8.GetByteCount(options.StopStrings[i]);
        }

        fixed (int* prompt = promptIds, stops = options.StopIds.Span)
        fixed (long* ids = trajectoryIds, offsets = stringOffsets)
        fixed (byte* bytes = stringBytes)
        {
            NativeSampling sampling = new()
            {
                StructSize = sizeof(NativeSampling),
                MaxNewTokens = options.MaxNewTokens,
                MinNewTokens = options.MinNewTokens,
                TopK = options.TopK,
                TopP = options.TopP,
                MinP = options.MinP,
                Temperature = options.Temperature,
                RepetitionPenalty = options.RepetitionPenalty,
                Seed = options.Seed,
                SampledVocabSize = options.SampledVocabSize,
                NStopIds = options.StopIds.Length,
                StopIds = stops,
                NStopStrings = options.StopStrings.Length,
                StopStringOffsets = offsets,
                StopStringBytes = bytes,
            };
            NativeError.ThrowIfFailed(
                NativeMethods.tbrm_rollout_submit(
                    this, promptIds.Length, prompt, trajectoryIds.Length, ids, &sampling, out NativeError err), err);
        }
    }

    /// <summary>Runs at most this many scheduler iterations.</summary>
    public NativeRolloutStatus Step(int iterations)
    {
        NativeRolloutStatus status;
        NativeError.ThrowIfFailed(NativeMethods.tbrm_rollout_step(this, iterations, &status, out NativeError err), err);
        return status;
    }

    /// <summary>The oldest finished trajectory, or null.</summary>
    public NativeFinished? Peek()
    {
        NativeFinished finished;
        NativeError.ThrowIfFailed(NativeMethods.tbrm_rollout_peek(this, &finished, out NativeError err), err);
        return finished.TrajectoryId < 0 ? null : finished;
    }

    /// <summary>Copies the oldest finished trajectory out and removes it; the spans have the length that Peek
    /// gave.</summary>
    public void Read(Span<int> ids, Span<float> logp, Span<float> processedLogp)
    {
        if (logp.Length != ids.Length || processedLogp.Length != ids.Length)
        {
            throw new ArgumentException(
                $"ids[{ids.Length}], logp[{logp.Length}] and processedLogp[{processedLogp.Length}] must agree");
        }

        fixed (int* i = ids)
        fixed (float* l = logp, p = processedLogp)
        {
            NativeError.ThrowIfFailed(NativeMethods.tbrm_rollout_read(this, ids.Length, i, l, p, out NativeError err),
                err);
        }
    }

    /// <summary>Ends everything that is queued or running.</summary>
    public void Cancel() =>
        NativeError.ThrowIfFailed(NativeMethods.tbrm_rollout_cancel(this, out NativeError err), err);

    /// <summary>Frees the page pool until the next step.</summary>
    public void ReleasePages() =>
        NativeError.ThrowIfFailed(NativeMethods.tbrm_rollout_release_pages(this, out NativeError err), err);

    /// <inheritdoc/>
    protected override bool ReleaseHandle()
    {
        NativeMethods.tbrm_rollout_destroy(handle);
        return true;
    }
}
