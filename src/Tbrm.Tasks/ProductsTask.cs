using System.Collections.Generic;
using System.Linq;
using System.Numerics;
using System.Text.Json.Nodes;
using Tbrm.Tasks.Python;

namespace Tbrm.Tasks;

/// <summary>Parameters of <see cref="ProductsTask"/>.</summary>
public sealed record ProductsConfig : TaskConfig
{
    /// <summary>Fewest factors.</summary>
    public int MinTerms { get; init; } = 2;

    /// <summary>Most factors.</summary>
    public int MaxTerms { get; init; } = 2;

    /// <summary>Fewest digits of the factors of an item.</summary>
    public int MinDigits { get; init; } = 1;

    /// <summary>Most digits of the factors of an item.</summary>
    public int MaxDigits { get; init; } = 5;

    /// <summary>Whether factors may be negative.</summary>
    public bool AllowNegation { get; init; }

    internal override void Validate()
    {
        Require(Size > 0, "size must be positive");
        Require(MinTerms > 0, "min_terms must be positive");
        Require(MaxTerms >= MinTerms, "max_terms must be >= min_terms");
        Require(MinDigits > 0, "min_digits must be positive");
        Require(MaxDigits >= MinDigits, "max_digits must be >= min_digits");
    }
}

/// <summary>Products of integers (reasoning-gym <c>arithmetic/products.py</c>).</summary>
public sealed class ProductsTask(ProductsConfig config) : ReasoningTask<ProductsConfig>(TaskName, config)
{
    /// <summary>The name in the registry.</summary>
    public const string TaskName = "products";

    /// <inheritdoc/>
    public override double Score(string? answer, TaskItem entry)
    {
        return Scoring.EqualDecimal(answer, entry.Answer);
    }

    private protected override TaskItem Generate(long index, PythonRandom random)
    {
        int terms = random.RandInt(Config.MinTerms, Config.MaxTerms);
        int digits = random.RandInt(Config.MinDigits, Config.MaxDigits);
        BigInteger high = BigInteger.Pow(10, digits) - 1;
        BigInteger low = digits == 1 ? 0 : BigInteger.Pow(10, digits - 1);
        low = Config.AllowNegation ? -high : low;
        List<BigInteger> factors = random.RandInts(terms, low, high);
        string expression = string.Join(" * ", factors.Select(PythonInteger.Str));
        JsonObject metadata = TaskJson.Metadata(Name, index);
        metadata["expression"] = expression;
        metadata["num_terms"] = terms;
        metadata["num_digits"] = digits;
        metadata["difficulty"] = new JsonObject
        {
            ["num_terms"] = TaskJson.Range(Config.MinTerms, Config.MaxTerms),
            ["num_digits"] = TaskJson.Range(Config.MinDigits, Config.MaxDigits),
        };
        return new TaskItem(
            $"Solve the following multiplication: {expression}. Give only the result as your final answer.",
            PythonInteger.Str(factors.Aggregate(BigInteger.One, (a, b) => a * b)),
            metadata);
    }
}
