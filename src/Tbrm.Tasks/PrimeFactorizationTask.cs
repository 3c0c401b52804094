using System;
using System.Collections.Generic;
using System.Linq;
using System.Numerics;
using System.Text.Json.Nodes;
using Tbrm.Tasks.Python;

namespace Tbrm.Tasks;

/// <summary>Parameters of <see cref="PrimeFactorizationTask"/>.</summary>
public sealed record PrimeFactorizationConfig : TaskConfig
{
    /// <summary>The smallest number.</summary>
    public BigInteger MinValue { get; init; } = 2;

    /// <summary>The largest number.</summary>
    public BigInteger MaxValue { get; init; } = 1000;

    internal override void Validate()
    {
        Require(MinValue >= 2, "min_value must be >= 2");
        Require(MaxValue >= MinValue, "max_value must be >= min_value");
    }
}

/// <summary>Prime factors, separated by × (reasoning-gym <c>arithmetic/prime_factorization.py</c>).</summary>
public sealed class PrimeFactorizationTask(PrimeFactorizationConfig config)
    : ReasoningTask<PrimeFactorizationConfig>(TaskName, config)
{
    /// <summary>The name in the registry.</summary>
    public const string TaskName = "prime_factorization";

    /// <summary>1 for the factors in any order, 0.5 for other factors of the same number, 0.01 for others, 0 for no
    /// answer.</summary>
    /// <exception cref="TaskScoreException">A part between two × is no integer: the package's scorer
    /// raises.</exception>
    public override double Score(string? answer, TaskItem entry)
    {
        if (answer is null)
        {
            return 0;
        }

        List<BigInteger> expected = FactorsIn(entry.Answer);
        List<BigInteger> given = FactorsIn(answer);
        return expected.SequenceEqual(given) ? 1
            : Product(expected, 0, expected.Count) == Product(given, 0, given.Count) ? 0.5 : 0.01;
    }

    private protected override TaskItem Generate(long index, PythonRandom random)
    {
        BigInteger number = random.RandInt(Config.MinValue, Config.MaxValue);
        List<BigInteger> factors = Factors.PrimesOf(number);
        JsonObject metadata = TaskJson.Metadata(Name, index);
        metadata["number"] = TaskJson.Integer(number);
        metadata["factors"] = TaskJson.Integers(factors);
        metadata["difficulty"] = new JsonObject { ["value"] = TaskJson.Range(Config.MinValue, Config.MaxValue) };
        return new TaskItem(
            $"Find the prime factorization of {PythonInteger.Str(number)}. Write the factors separated by × "
            + "(Example: for 12 the answer would be: 2 × 2 × 3)",
            string.Join(" × ", factors.Select(PythonInteger.Str)),
            metadata);
    }

    private static List<BigInteger> FactorsIn(string answer)
    {
        List<BigInteger> factors = [];
        foreach (Range part in answer.AsSpan().Split('×'))
        {
            ReadOnlySpan<char> text = PythonText.Strip(answer.AsSpan(part));
            if (text.IsEmpty)
            {
                continue;
            }

            factors.Add(PythonInteger.TryParse(text, 10, out BigInteger factor)
                ? factor
                : throw new TaskScoreException($"integers separated by × were expected, found '{text}'"));
        }

        factors.Sort();
        return factors;
    }

    /// <summary>Halves first, so that a long answer costs no time quadratic in its length.</summary>
    private static BigInteger Product(List<BigInteger> factors, int from, int to)
    {
        return (to - from) switch
        {
            0 => BigInteger.One,
            1 => factors[from],
            _ => Product(factors, from, (from + to) / 2) * Product(factors, (from + to) / 2, to),
        };
    }
}
