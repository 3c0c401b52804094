using System;
using System.Collections.Generic;
using System.Linq;
using System.Threading.Tasks;
using Tbrm.Core;
using Tbrm.Data;
using Tbrm.Engine;

namespace Tbrm.Training;

/// <summary>The examples of data files, in tokens and in memory.</summary>
internal sealed class SupervisedDataset(IReadOnlyList<ScoredSequence> examples) : ISupervisedSource
{
    /// <summary>Rows that are encoded at the same time.</summary>
    private const int Chunk = 4096;

    public long? Count => examples.Count;

    /// <summary>Examples that were left out because they are too long.</summary>
    public int Overlong { get; private init; }

    public ScoredSequence Get(long index) => examples[checked((int)index)];

    /// <summary>Reads files; every row is looked at before the first step is made.</summary>
    /// <exception cref="DataException">A file is missing or damaged, a row does not have the shape, or nothing is left.</exception>
    public static SupervisedDataset Load(IReadOnlyList<string> paths, SupervisedKeys keys, SupervisedEncoder encoder, long maxSamples)
    {
        List<ScoredSequence> kept = [];
        int overlong = 0;
        IEnumerable<SupervisedExample> rows = SupervisedRow.ReadFiles(paths, keys);
        foreach (SupervisedExample[] chunk in (maxSamples < 0 ? rows : rows.Take(checked((int)Math.Min(maxSamples, int.MaxValue)))).Chunk(Chunk))
        {
            foreach (ScoredSequence? example in Encode(chunk, encoder))
            {
                if (example is { } whole)
                {
                    kept.Add(whole);
                }
                else
                {
                    overlong++;
                }
            }
        }

        return kept.Count > 0 ? new(kept) { Overlong = overlong } : throw new DataException(
            $"{string.Join(", ", paths)}: no examples are left{(overlong > 0 ? $": all {overlong} are longer than data.max_prompt_length and data.max_response_length allow" : "; there are no rows")}");
    }

    /// <summary>Keeps a share back, drawn by the seed; both parts stay in the files' order.</summary>
    public (SupervisedDataset Train, SupervisedDataset Held) Split(double share, ulong seed)
    {
        int held = (int)Math.Ceiling(share * examples.Count);
        if (held >= examples.Count)
        {
            throw new DataException($"sft.val_share={share} of {examples.Count} examples leaves nothing to train on");
        }

        HashSet<int> drawn = [.. RandomSubset.Draw(examples.Count, held, seed)];
        return (new([.. examples.Where((_, i) => !drawn.Contains(i))]) { Overlong = Overlong }, new([.. examples.Where((_, i) => drawn.Contains(i))]));
    }

    private static ScoredSequence?[] Encode(SupervisedExample[] rows, SupervisedEncoder encoder)
    {
        ScoredSequence?[] encoded = new ScoredSequence?[rows.Length];
        try
        {
            Parallel.For(0, rows.Length, i => encoded[i] = encoder.Encode(rows[i]));
            return encoded;
        }
        catch (AggregateException)
        {
            // Once more in order, so that it is always the first bad row that is named.
            return Array.ConvertAll(rows, encoder.Encode);
        }
    }
}
