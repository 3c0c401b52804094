using System;
using Tbrm.Core.Errors;

namespace Tbrm.Data.Sampling;

/// <summary>
/// Hands out a source in batches, epoch by epoch. The order is a function of (seed, epoch, size) alone, so the whole
/// state
/// is (epoch, position): a sampler that is restored goes on exactly as the one that was never interrupted.
/// Not thread-safe.
/// </summary>
public sealed class IndexSampler
{
    private readonly SamplerOptions _options;
    private readonly int? _count;
    private int[]? _order;
    private long _orderEpoch = -1;
    private long _epoch;
    private long _position;

    /// <summary>Starts at the first prompt of epoch 0.</summary>
    /// <exception cref="ConfigException">The batch size is not positive, or larger than the source while the last batch
    /// is dropped.</exception>
    /// <exception cref="DataException">The source is empty.</exception>
    public IndexSampler(long? count, SamplerOptions options)
    {
        _options = options;
        if (options.BatchSize < 1)
        {
            throw new ConfigException($"{options.BatchSizeKey} is {options.BatchSize}; it must be at least 1");
        }

        if (count == 0)
        {
            throw new DataException("the data set has no prompts (are the filters too strict?)");
        }

        if (count > Array.MaxLength)
        {
            throw new DataException(
                $"the data set has {count} prompts; at most {Array.MaxLength} can be shuffled exactly");
        }

        if (options.DropLast && count < options.BatchSize)
        {
            throw new ConfigException(
                $"{options.BatchSizeKey} is {options.BatchSize}, but the data set has only {count} prompts: no batch "
                    + $"can be filled");
        }

        _count = (int?)count;
    }

    /// <summary>Batches in an epoch; null when the source has no end.</summary>
    public long? BatchesPerEpoch => _count is not int count ? null
        : _options.DropLast ? count / _options.BatchSize
        : (count + (long)_options.BatchSize - 1) / _options.BatchSize;

    /// <summary>Where the sampler stands: before the next batch.</summary>
    public SamplerState State => new(_epoch, _position, _count, _options.Seed, _options.Shuffle);

    /// <summary>
    /// The next batch in order; never empty; null when the epochs are spent. A batch does not reach over the end of an
    /// epoch.
    /// </summary>
    public long[]? Next()
    {
        if (_count is int count)
        {
            long left = count - _position;
            if (left < (_options.DropLast ? _options.BatchSize : 1))
            {
                _epoch++;
                _position = 0;
            }

            if (_options.Epochs is long epochs && _epoch >= epochs)
            {
                return null;
            }
        }

        long size = _count is int n ? Math.Min(_options.BatchSize, n - _position) : _options.BatchSize;
        long[] batch = new long[size];
        for (int i = 0; i < batch.Length; i++)
        {
            batch[i] = IndexAt(_position + i);
        }

        _position += size;
        return batch;
    }

    /// <summary>Goes on where a saved sampler stood. Batch size and number of epochs may differ from then.</summary>
    /// <exception cref="DataException">The state belongs to another data set, seed or order.</exception>
    public void Restore(SamplerState state)
    {
        if (state.Count != _count)
        {
            throw new DataException(
                $"the saved state is of a data set of {Size(state.Count)} prompts, this one has {Size(_count)}: the "
                    + $"order cannot be continued. Use the same files and filters, or start a new run");
        }

        if (state.Seed != _options.Seed || state.Shuffle != _options.Shuffle)
        {
            throw new DataException(
                $"the saved state was made with data.seed={state.Seed}, data.shuffle={state.Shuffle}; now they are "
                    + $"{_options.Seed}, {_options.Shuffle}: the order cannot be continued");
        }

        if (state.Epoch < 0 || state.Position < 0 || state.Position > (_count ?? long.MaxValue))
        {
            throw new DataException(
                $"the saved state of the data sampler is damaged: epoch {state.Epoch}, position {state.Position} of "
                    + $"{Size(_count)}");
        }

        _epoch = state.Epoch;
        _position = state.Position;
    }

    private static string Size(long? count) => count?.ToString(System.Globalization.CultureInfo.InvariantCulture)
        ?? "unlimited";

    private long IndexAt(long position)
    {
        if (_count is not int count || !_options.Shuffle)
        {
            return position;
        }

        if (_order is null || _orderEpoch != _epoch)
        {
            _order = SeededPermutation.Create(count, _options.Seed, RandomPurpose.EpochOrder, _epoch);
            _orderEpoch = _epoch;
        }

        return _order[position];
    }
}
