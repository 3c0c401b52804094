using System;
using System.Collections;
using System.Collections.Generic;
using System.Globalization;
using System.Text.Json.Nodes;
using Tbrm.Core.Errors;
using Tbrm.Tasks.Python;

namespace Tbrm.Tasks;

/// <summary>Parameters of <see cref="CountPrimesTask"/>.</summary>
public sealed record CountPrimesConfig : TaskConfig
{
    /// <summary>The smallest bound of an interval.</summary>
    public long MinN { get; init; } = 1;

    /// <summary>The largest bound of an interval; at most two thousand million, since the primes up to it are kept in
    /// memory.</summary>
    public long MaxN { get; init; } = 10_000;

    internal override void Validate()
    {
        Require(MinN >= 1, "min_n must be at least 1");
        Require(MinN <= MaxN, "min_n must be less than or equal to max_n");
        Require(MaxN <= 2_000_000_000, "max_n must be at most 2000000000: the primes up to it are kept in memory");
    }
}

/// <summary>How many primes an interval holds (reasoning-gym <c>algorithmic/count_primes.py</c>).</summary>
public sealed class CountPrimesTask : ReasoningTask<CountPrimesConfig>
{
    /// <summary>The name in the registry.</summary>
    public const string TaskName = "count_primes";

    private readonly Lazy<BitArray> _composite;

    /// <summary>The task; the sieve is made with the first item.</summary>
    /// <exception cref="ConfigException">The parameters contradict each other.</exception>
    public CountPrimesTask(CountPrimesConfig config) : base(TaskName, config)
    {
        _composite = new Lazy<BitArray>(() => Sieve((int)config.MaxN));
    }

    private protected override TaskItem Generate(long index, PythonRandom random)
    {
        int start = (int)random.RandInt(Config.MinN, Config.MaxN);
        int end = (int)random.RandInt(start, Config.MaxN);
        List<int> primes = [];
        BitArray composite = _composite.Value;
        for (int i = start; i <= end; i++)
        {
            if (!composite[i])
            {
                primes.Add(i);
            }
        }

        JsonObject metadata = TaskJson.Metadata(Name, index);
        metadata["start"] = start;
        metadata["end"] = end;
        metadata["primes"] = TaskJson.Integers(primes);
        metadata["solution"] = primes.Count;
        metadata["n"] = TaskJson.Range(start, end);
        metadata["difficulty"] = new JsonObject { ["n"] = TaskJson.Range(Config.MinN, Config.MaxN) };
        return new TaskItem(
            string.Create(CultureInfo.InvariantCulture,
                $"Count how many prime numbers there are between {start} and {end} (inclusive) ?"),
            primes.Count.ToString(CultureInfo.InvariantCulture),
            metadata);
    }

    /// <summary>The numbers up to a bound that are no primes (Eratosthenes).</summary>
    private static BitArray Sieve(int bound)
    {
        BitArray composite = new(bound + 1);
        composite[0] = true;
        composite[1] = true;
        for (int i = 2; (long)i * i <= bound; i++)
        {
            if (composite[i])
            {
                continue;
            }

            for (long j = (long)i * i; j <= bound; j += i)
            {
                composite[(int)j] = true;
            }
        }

        return composite;
    }
}
