using System.Collections.Generic;
using System.Linq;
using System.Numerics;
using System.Text.Json.Nodes;
using Tbrm.Tasks.Python;

namespace Tbrm.Tasks;

/// <summary>Parameters of <see cref="GcdTask"/>.</summary>
public sealed record GcdConfig : TaskConfig
{
    /// <summary>Fewest numbers.</summary>
    public int MinNumbers { get; init; } = 2;

    /// <summary>Most numbers.</summary>
    public int MaxNumbers { get; init; } = 2;

    /// <summary>The smallest number.</summary>
    public BigInteger MinValue { get; init; } = 1;

    /// <summary>The largest number.</summary>
    public BigInteger MaxValue { get; init; } = 1000;

    internal override void Validate()
    {
        Require(MinNumbers >= 2, "min_numbers must be at least 2");
        Require(MaxNumbers >= MinNumbers, "max_numbers must be >= min_numbers");
        Require(MinValue >= 1, "min_value must be positive");
        Require(MaxValue > MinValue, "max_value must be > min_value");
    }
}

/// <summary>Greatest common divisors; three draws in search of one above 1 (reasoning-gym
/// <c>arithmetic/gcd.py</c>).</summary>
public sealed class GcdTask(GcdConfig config) : ReasoningTask<GcdConfig>(TaskName, config)
{
    /// <summary>The name in the registry.</summary>
    public const string TaskName = "gcd";

    private const int Tries = 3;

    private protected override TaskItem Generate(long index, PythonRandom random)
    {
        List<BigInteger> numbers = [];
        BigInteger result = 1;
        for (int i = 0; i < Tries && result.IsOne; i++)
        {
            int count = random.RandInt(Config.MinNumbers, Config.MaxNumbers);
            numbers = random.RandInts(count, Config.MinValue, Config.MaxValue);
            result = numbers.Aggregate(BigInteger.GreatestCommonDivisor);
        }

        JsonObject metadata = TaskJson.Metadata(Name, index);
        metadata["numbers"] = TaskJson.Integers(numbers);
        metadata["result"] = TaskJson.Integer(result);
        metadata["num_terms"] = numbers.Count;
        metadata["difficulty"] = new JsonObject
        {
            ["num_terms"] = TaskJson.Range(Config.MinNumbers, Config.MaxNumbers),
            ["value"] = TaskJson.Range(Config.MinValue, Config.MaxValue),
        };
        string list = string.Join(", ", numbers.Select(PythonInteger.Str));
        return new TaskItem(
            $"Find the Greatest Common Divisor (GCD) of these numbers: {list}. Give only the GCD as your final answer.",
            PythonInteger.Str(result),
            metadata);
    }
}
