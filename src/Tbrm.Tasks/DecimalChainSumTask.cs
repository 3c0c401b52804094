using System.Linq;
using System.Numerics;
using System.Text;
using System.Text.Json.Nodes;
using Tbrm.Tasks.Python;

namespace Tbrm.Tasks;

/// <summary>Parameters of <see cref="DecimalChainSumTask"/>.</summary>
public sealed record DecimalChainSumConfig : TaskConfig
{
    /// <summary>Fewest terms.</summary>
    public int MinTerms { get; init; } = 2;

    /// <summary>Most terms.</summary>
    public int MaxTerms { get; init; } = 6;

    /// <summary>Fewest digits before the point.</summary>
    public int MinDigits { get; init; } = 1;

    /// <summary>Most digits before the point.</summary>
    public int MaxDigits { get; init; } = 4;

    /// <summary>Fewest decimal places.</summary>
    public int MinDecimalPlaces { get; init; } = 1;

    /// <summary>Most decimal places.</summary>
    public int MaxDecimalPlaces { get; init; } = 4;

    /// <summary>Whether terms may be negative.</summary>
    public bool AllowNegation { get; init; }

    internal override void Validate()
    {
        Require(Size > 0, "size must be positive");
        Require(MinTerms > 0, "min_terms must be positive");
        Require(MaxTerms >= MinTerms, "max_terms must be >= min_terms");
        Require(MinDigits > 0, "min_digits must be positive");
        Require(MaxDigits >= MinDigits, "max_digits must be >= min_digits");
        Require(MinDecimalPlaces >= 0, "min_decimal_places must be non-negative");
        Require(MaxDecimalPlaces >= MinDecimalPlaces, "max_decimal_places must be >= min_decimal_places");
    }
}

/// <summary>Sums and differences of decimal numbers (reasoning-gym <c>arithmetic/decimal_chain_sum.py</c>).</summary>
public sealed class DecimalChainSumTask(DecimalChainSumConfig config)
    : ReasoningTask<DecimalChainSumConfig>(TaskName, config)
{
    /// <summary>The name in the registry.</summary>
    public const string TaskName = "decimal_chain_sum";

    private static readonly string[] s_operators = ["+", "-"];

    /// <summary>1 for an equal decimal number, else 0.</summary>
    public override double Score(string? answer, TaskItem entry)
    {
        return answer is not null
            && PythonDecimal.TryParse(answer, out PythonDecimal given)
            && PythonDecimal.TryParse(entry.Answer, out PythonDecimal expected)
            && PythonDecimal.NumericallyEqual(given, expected) ? 1 : 0;
    }

    private protected override TaskItem Generate(long index, PythonRandom random)
    {
        int terms = random.RandInt(Config.MinTerms, Config.MaxTerms);
        int digits = random.RandInt(Config.MinDigits, Config.MaxDigits);
        (string expression, PythonDecimal result) = Chain(random, terms, digits);
        JsonObject metadata = TaskJson.Metadata(Name, index);
        metadata["num_terms"] = terms;
        metadata["num_digits"] = digits;
        metadata["expression"] = expression;
        metadata["difficulty"] = new JsonObject
        {
            ["num_terms"] = TaskJson.Range(Config.MinTerms, Config.MaxTerms),
            ["num_digits"] = TaskJson.Range(Config.MinDigits, Config.MaxDigits),
            ["decimal_places"] = TaskJson.Range(Config.MinDecimalPlaces, Config.MaxDecimalPlaces),
        };
        return new TaskItem(
            $"State the final answer to the following arithmetic problem: {expression} =",
            DecimalContext.ToText(result),
            metadata);
    }

    private (string Expression, PythonDecimal Result) Chain(PythonRandom random, int terms, int digits)
    {
        DecimalContext context = DecimalContext.Default;
        BigInteger high = BigInteger.Pow(10, digits) - 1;
        BigInteger low = digits == 1 ? 0 : BigInteger.Pow(10, digits - 1);
        low = Config.AllowNegation ? -high : low;
        PythonDecimal[] constants = [.. random.RandInts(terms, low, high).Select(PythonDecimal.FromInteger)];
        int[] places = [.. constants.Select(_ => random.RandInt(Config.MinDecimalPlaces, Config.MaxDecimalPlaces))];
        for (int i = 0; i < terms; i++)
        {
            BigInteger unit = BigInteger.Pow(10, places[i]);
            BigInteger part = random.RandInt(places[i] == 0 ? 0 : unit / 10, unit - 1);
            PythonDecimal fraction = context.Divide(PythonDecimal.FromInteger(part), PythonDecimal.FromInteger(unit));
            constants[i] = context.Add(constants[i], fraction);
        }

        string[] signs = [.. Enumerable.Range(1, terms - 1).Select(_ => random.Choice(s_operators))];
        StringBuilder expression = new(DecimalContext.ToFixed(constants[0], places[0]));
        PythonDecimal result = constants[0];
        for (int i = 1; i < terms; i++)
        {
            expression.Append(' ').Append(signs[i - 1]).Append(' ')
                .Append(DecimalContext.ToFixed(constants[i], places[i]));
            result = signs[i - 1] == "+" ? context.Add(result, constants[i]) : context.Subtract(result, constants[i]);
        }

        // Where that would take more digits than the precision, the package keeps the sum as it is.
        return (expression.ToString(), context.Quantize(result, -places.Max()) ?? result);
    }
}
