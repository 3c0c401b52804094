using System.Collections.Generic;
using System.Globalization;
using System.Linq;
using System.Text.Json.Nodes;
using Tbrm.Tasks.Python;

namespace Tbrm.Tasks;

/// <summary>Parameters of <see cref="LegCountingTask"/>.</summary>
public sealed record LegCountingConfig : TaskConfig
{
    /// <summary>Fewest kinds of animals.</summary>
    public int MinAnimals { get; init; } = 3;

    /// <summary>Most kinds of animals.</summary>
    public int MaxAnimals { get; init; } = 10;

    /// <summary>Fewest animals of a kind.</summary>
    public int MinInstances { get; init; } = 1;

    /// <summary>Most animals of a kind.</summary>
    public int MaxInstances { get; init; } = 15;

    internal override void Validate()
    {
        Require(MinAnimals > 0, "min_animals must be positive");
        Require(MaxAnimals >= MinAnimals, "max_animals must be >= min_animals");
        Require(MaxAnimals <= LegCountingTask.KindCount,
            $"max_animals must be <= number of available animals ({LegCountingTask.KindCount})");
        Require(MinInstances > 0, "min_instances must be positive");
        Require(MaxInstances >= MinInstances, "max_instances must be >= min_instances");
    }
}

/// <summary>How many legs some animals have together (reasoning-gym <c>arithmetic/leg_counting.py</c>).</summary>
public sealed class LegCountingTask(LegCountingConfig config) : ReasoningTask<LegCountingConfig>(TaskName, config)
{
    /// <summary>The name in the registry.</summary>
    public const string TaskName = "leg_counting";

    /// <summary>The package's animals by their number of legs, in its order.</summary>
    private static readonly (int Legs, string[] Animals)[] s_byLegs =
    [
        (0, ["snake", "sea slug", "jellyfish", "flatworm", "leech"]),
        (2, ["chicken", "bird", "human", "duck"]),
        (4, ["dog", "cat", "cow", "horse", "lion", "elephant", "giraffe", "tiger", "deer", "sheep"]),
        (5, ["starfish"]),
        (6, ["insect", "ant", "butterfly", "beetle", "bee", "wasp", "grasshopper", "cricket", "cockroach",
            "praying mantis", "firefly"]),
        (8, ["spider", "scorpion"]),
        (10, ["crab", "lobster", "shrimp"]),
        (14, ["woodlouse"]),
    ];

    private static readonly (string Name, int Legs)[] s_kinds =
        [.. s_byLegs.SelectMany(g => g.Animals.Select(a => (a, g.Legs)))];

    /// <summary>How many kinds of animals there are to choose from.</summary>
    public static int KindCount => s_kinds.Length;

    private protected override TaskItem Generate(long index, PythonRandom random)
    {
        int kinds = random.RandInt(Config.MinAnimals, Config.MaxAnimals);
        List<string> phrases = [];
        JsonObject animals = [];
        long legs = 0;
        foreach ((string name, int legsEach) in random.Sample(s_kinds, kinds))
        {
            int count = random.RandInt(Config.MinInstances, Config.MaxInstances);
            animals[name] = count;
            legs += (long)count * legsEach;
            phrases.Add(string.Create(CultureInfo.InvariantCulture, $"{count} {name}{(count > 1 ? "s" : "")}"));
        }

        JsonObject metadata = TaskJson.Metadata(Name, index);
        metadata["animals"] = animals;
        metadata["num_animals"] = kinds;
        metadata["total_legs"] = legs;
        metadata["difficulty"] = new JsonObject
        {
            ["num_animals"] = TaskJson.Range(Config.MinAnimals, Config.MaxAnimals),
            ["num_instances"] = TaskJson.Range(Config.MinInstances, Config.MaxInstances),
        };
        string question = $"""
            Your task is to count how many legs there are in total when given a list of animals.

            Now, how many legs are there in total if you have {string.Join(", ", phrases)}?

            """;
        return new TaskItem(question, legs.ToString(CultureInfo.InvariantCulture), metadata);
    }
}
