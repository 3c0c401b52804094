using System.Globalization;
using System.Linq;
using System.Numerics;
using System.Text.Json.Nodes;
using Tbrm.Tasks.Python;

namespace Tbrm.Tasks;

/// <summary>Parameters of <see cref="CountBitsTask"/>.</summary>
public sealed record CountBitsConfig : TaskConfig
{
    /// <summary>The smallest number.</summary>
    public BigInteger MinN { get; init; } = 1;

    /// <summary>The largest number.</summary>
    public BigInteger MaxN { get; init; } = int.MaxValue;

    internal override void Validate()
    {
        Require(MinN >= 1 && MinN <= MaxN, "min_n must be between 1 and max_n");
    }
}

/// <summary>How many bits of a number are 1 (reasoning-gym <c>arithmetic/count_bits.py</c>).</summary>
public sealed class CountBitsTask(CountBitsConfig config) : ReasoningTask<CountBitsConfig>(TaskName, config)
{
    /// <summary>The name in the registry.</summary>
    public const string TaskName = "count_bits";

    private protected override TaskItem Generate(long index, PythonRandom random)
    {
        BigInteger number = random.RandInt(Config.MinN, Config.MaxN);
        string binary = number.ToString("b", CultureInfo.InvariantCulture).TrimStart('0');
        int ones = binary.Count(c => c == '1');
        JsonObject metadata = TaskJson.Metadata(Name, index);
        metadata["number"] = TaskJson.Integer(number);
        metadata["solution"] = ones;
        metadata["binary"] = binary;
        metadata["n"] = TaskJson.Integer(number);
        metadata["difficulty"] = new JsonObject { ["n"] = TaskJson.Range(Config.MinN, Config.MaxN) };
        return new TaskItem(
            $"How many 1 bits are there in the binary representation of the number {PythonInteger.Str(number)}?",
            ones.ToString(CultureInfo.InvariantCulture),
            metadata);
    }
}
