using System;
using System.Collections.Generic;
using System.Linq;
using System.Threading;
using System.Threading.Tasks;
using Tbrm.Core.Errors;
using Tbrm.Core.Prompts;
using Tbrm.Data.Prompts;
using Tbrm.Data.Sampling;
using Tbrm.Engine.Logprob;

namespace Tbrm.Training.Prompts;

/// <summary>The examples of data files, in tokens and in memory.</summary>
internal sealed class SupervisedDataset(IReadOnlyList<ScoredSequence> examples) : ISupervisedSource
{
    /// <summary>Rows that are encoded at the same time.</summary>
    private const int Chunk = 4096;

    public long? Count => examples.Count;

    /// <summary>What became of the rows.</summary>
    public SupervisedCounts Counts { get; private init; } = new(0, new());

    public ScoredSequence Get(long index) => examples[checked((int)index)];

    /// <summary>Reads files; every row that may be learned from is looked at before the first step is made.</summary>
    /// <param name="paths">The files, in order.</param>
    /// <param name="keys">Their columns.</param>
    /// <param name="encoder">Makes tokens of them.</param>
    /// <param name="maxSamples">So many examples, counted as data.train_max_samples counts prompts: after the others
    /// are left out; -1 = all.</param>
    /// <param name="stop">Ends the reading.</param>
    /// <exception cref="DataException">A file is missing or damaged, a row does not have the shape, or nothing is
    /// left.</exception>
    /// <exception cref="OperationCanceledException"><paramref name="stop"/> was cancelled.</exception>
    public static SupervisedDataset Load(IReadOnlyList<string> paths, SupervisedKeys keys, SupervisedEncoder encoder,
        long maxSamples, CancellationToken stop)
    {
        List<ScoredSequence> kept = [];
        int overlong = 0;
        LeftOutCounts leftOut = new();
        SortedSet<string> unread = new(StringComparer.Ordinal);
        long limit = maxSamples < 0 ? long.MaxValue : maxSamples;
        foreach (SupervisedExample[] chunk in SupervisedRow.ReadFiles(paths, keys).Chunk(Chunk)
            .TakeWhile(_ => kept.Count < limit))
        {
            Encoded[] encoded = Encode(chunk, encoder, stop);
            for (int i = 0; i < chunk.Length && kept.Count < limit; i++)
            {
                if (encoded[i].LeftOut is { } reason)
                {
                    leftOut.Add(reason, chunk[i].Where);
                }
                else if (encoded[i].Example is { } whole)
                {
                    kept.Add(whole);
                    unread.UnionWith(chunk[i].UnreadColumns);
                }
                else
                {
                    overlong++;
                }
            }
        }

        SupervisedCounts counts = new(overlong, leftOut) { UnreadColumns = unread };
        return kept.Count > 0 ? new(kept) { Counts = counts }
            : throw new DataException($"{string.Join(", ", paths)}: no examples are left: {counts}");
    }

    /// <summary>Keeps a share back, chosen at random by the seed; both parts stay in the files' order.</summary>
    public (SupervisedDataset Train, SupervisedDataset HeldOut) Split(double share, ulong seed)
    {
        int heldOut = (int)Math.Ceiling(share * examples.Count);
        if (heldOut >= examples.Count)
        {
            throw new DataException($"sft.val_share={share} of {examples.Count} examples leaves nothing to train on");
        }

        HashSet<int> chosen = [.. RandomSubset.Choose(examples.Count, heldOut, seed)];
        return (new([.. examples.Where((_, i) => !chosen.Contains(i))]) { Counts = Counts },
            new([.. examples.Where((_, i) => chosen.Contains(i))]));
    }

    private static Encoded[] Encode(SupervisedExample[] rows, SupervisedEncoder encoder, CancellationToken stop)
    {
        Encoded[] encoded = new Encoded[rows.Length];
        try
        {
            Parallel.For(0, rows.Length, new ParallelOptions { CancellationToken = stop },
                i => encoded[i] = One(rows[i]));
            return encoded;
        }
        catch (AggregateException)
        {
            // Once more in order, so that it is always the first bad row that is named.
            return Array.ConvertAll(rows, One);
        }

        Encoded One(SupervisedExample row)
        {
            try
            {
                return row.Unusable is not null ? new(null, row.UnusableReason) : new(encoder.Encode(row), null);
            }
            catch (LeftOutException e)
            {
                return new(null, e.Reason);
            }
        }
    }

    /// <summary>A row in tokens, null when it is too long; or why nothing can be learned from it.</summary>
    private readonly record struct Encoded(ScoredSequence? Example, string? LeftOut);
}

/// <summary>Rows of supervised files that are left out.</summary>
/// <param name="Overlong">Longer than the limits.</param>
/// <param name="LeftOut">Those that nothing can be learned from, by reason.</param>
internal sealed record SupervisedCounts(int Overlong, LeftOutCounts LeftOut)
{
    /// <summary>Columns of examples that hold something and that nothing reads.</summary>
    public IReadOnlySet<string> UnreadColumns { get; init; } = new SortedSet<string>();

    public static SupervisedCounts operator +(SupervisedCounts a, SupervisedCounts b)
    {
        LeftOutCounts both = new();
        both.Add(a.LeftOut);
        both.Add(b.LeftOut);
        return new(a.Overlong + b.Overlong, both)
        {
            UnreadColumns = new SortedSet<string>(a.UnreadColumns.Concat(b.UnreadColumns), StringComparer.Ordinal),
        };
    }

    /// <summary>How many there are.</summary>
    public long Total => Overlong + LeftOut.Total;

    public override string ToString() => Total == 0 ? "there are no rows" : string.Join("; ", Parts());

    private IEnumerable<string> Parts()
    {
        if (Overlong > 0)
        {
            yield return $"{Overlong} are longer than data.max_prompt_length or data.max_response_length";
        }

        if (LeftOut.Total > 0)
        {
            yield return $"{LeftOut.Total} hold nothing that can be learned, or something that the model cannot see: "
                + $"{LeftOut}";
        }
    }
}
