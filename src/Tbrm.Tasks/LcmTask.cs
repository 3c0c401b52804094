using System.Collections.Generic;
using System.Linq;
using System.Numerics;
using System.Text.Json.Nodes;
using Tbrm.Tasks.Python;

namespace Tbrm.Tasks;

/// <summary>Parameters of <see cref="LcmTask"/>.</summary>
public sealed record LcmConfig : TaskConfig
{
    /// <summary>Fewest numbers.</summary>
    public int MinNumbers { get; init; } = 2;

    /// <summary>Most numbers.</summary>
    public int MaxNumbers { get; init; } = 2;

    /// <summary>The smallest number.</summary>
    public BigInteger MinValue { get; init; } = 1;

    /// <summary>The largest number.</summary>
    public BigInteger MaxValue { get; init; } = 100;

    internal override void Validate()
    {
        Require(MinNumbers >= 2, "min_numbers must be at least 2");
        Require(MaxNumbers >= MinNumbers, "max_numbers must be >= min_numbers");
        Require(MinValue >= 1, "min_value must be positive");
        Require(MaxValue > MinValue, "max_value must be > min_value");
    }
}

/// <summary>Least common multiples; three draws in search of one below the product (reasoning-gym
/// <c>arithmetic/lcm.py</c>).</summary>
public sealed class LcmTask(LcmConfig config) : ReasoningTask<LcmConfig>(TaskName, config)
{
    /// <summary>The name in the registry.</summary>
    public const string TaskName = "lcm";

    private const int Tries = 3;

    private protected override TaskItem Generate(long index, PythonRandom random)
    {
        List<BigInteger> numbers = [];
        BigInteger result = 0;
        for (int i = 0; i < Tries; i++)
        {
            int count = random.RandInt(Config.MinNumbers, Config.MaxNumbers);
            numbers = random.RandInts(count, Config.MinValue, Config.MaxValue);
            result = numbers.Aggregate((a, b) => a / BigInteger.GreatestCommonDivisor(a, b) * b);
            if (result < numbers.Aggregate((a, b) => a * b))
            {
                break;
            }
        }

        JsonObject metadata = TaskJson.Metadata(Name, index);
        metadata["numbers"] = TaskJson.Integers(numbers);
        metadata["result"] = TaskJson.Integer(result);
        metadata["difficulty"] = new JsonObject
        {
            ["numbers"] = TaskJson.Range(Config.MinNumbers, Config.MaxNumbers),
            ["value"] = TaskJson.Range(Config.MinValue, Config.MaxValue),
        };
        string list = string.Join(", ", numbers.Select(PythonInteger.Str));
        return new TaskItem($"Find the Least Common Multiple (LCM) of these numbers: {list}", PythonInteger.Str(result),
            metadata);
    }
}
