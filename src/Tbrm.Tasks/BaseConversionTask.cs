using System.Numerics;
using System.Text;
using System.Text.Json.Nodes;
using Tbrm.Tasks.Python;

namespace Tbrm.Tasks;

/// <summary>Parameters of <see cref="BaseConversionTask"/>.</summary>
public sealed record BaseConversionConfig : TaskConfig
{
    /// <summary>The smallest base.</summary>
    public int MinBase { get; init; } = 2;

    /// <summary>The largest base.</summary>
    public int MaxBase { get; init; } = 16;

    /// <summary>The smallest number.</summary>
    public BigInteger MinValue { get; init; } = 0;

    /// <summary>The largest number.</summary>
    public BigInteger MaxValue { get; init; } = 1000;

    internal override void Validate()
    {
        Require(MinBase is >= 2 and <= 36, "min_base must be between 2 and 36");
        Require(MinBase <= MaxBase && MaxBase <= 36, "max_base must be between min_base and 36");
        Require(MinValue >= 0, "min_value must be non-negative");
        Require(MaxValue > MinValue, "max_value must be > min_value");

        // The package accepts this, and then draws target bases for ever.
        Require(MaxBase > MinBase, "max_base must be > min_base: a conversion takes two different bases");
    }
}

/// <summary>Numbers rewritten in another base (reasoning-gym <c>algorithmic/base_conversion.py</c>).</summary>
public sealed class BaseConversionTask(BaseConversionConfig config)
    : ReasoningTask<BaseConversionConfig>(TaskName, config)
{
    /// <summary>The name in the registry.</summary>
    public const string TaskName = "base_conversion";

    private const string DigitLetters = "0123456789abcdefghijklmnopqrstuvwxyz";

    private protected override TaskItem Generate(long index, PythonRandom random)
    {
        BigInteger value = random.RandInt(Config.MinValue, Config.MaxValue);
        int source = random.RandInt(Config.MinBase, Config.MaxBase);
        int target = random.RandInt(Config.MinBase, Config.MaxBase);
        while (target == source)
        {
            target = random.RandInt(Config.MinBase, Config.MaxBase);
        }

        (string sourceText, string targetText) = (Digits(value, source), Digits(value, target));
        JsonObject metadata = TaskJson.Metadata(Name, index);
        metadata["decimal_value"] = TaskJson.Integer(value);
        metadata["source_base"] = source;
        metadata["target_base"] = target;
        metadata["source_repr"] = sourceText;
        metadata["target_repr"] = targetText;
        metadata["difficulty"] = new JsonObject
        {
            ["base"] = TaskJson.Range(Config.MinBase, Config.MaxBase),
            ["value"] = TaskJson.Range(Config.MinValue, Config.MaxValue),
        };
        string question = $"""
            Your task is to convert a number between two different bases.

            If the target base is > 10, use lowercase letters a-z for digits above 9.

            Now, convert the {BaseName(source)} number {sourceText} to {BaseName(target)}

            """;
        return new TaskItem(question, targetText, metadata);
    }

    private static string BaseName(int numberBase)
    {
        return numberBase switch { 2 => "binary", 16 => "hexadecimal", _ => $"base-{numberBase}" };
    }

    private static string Digits(BigInteger value, int numberBase)
    {
        // The package prints zero as no digits at all, except in bases 2 and 16.
        if (value.IsZero)
        {
            return numberBase is 2 or 16 ? "0" : "";
        }

        StringBuilder digits = new();
        for (BigInteger rest = value; !rest.IsZero; rest /= numberBase)
        {
            digits.Insert(0, DigitLetters[(int)(rest % numberBase)]);
        }

        return digits.ToString();
    }
}
