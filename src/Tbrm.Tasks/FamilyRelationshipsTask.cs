using System.Collections.Generic;
using System.Linq;
using System.Text.Json.Nodes;
using Tbrm.Tasks.Python;

namespace Tbrm.Tasks;

/// <summary>Parameters of <see cref="FamilyRelationshipsTask"/>.</summary>
public sealed record FamilyRelationshipsConfig : TaskConfig
{
    private static readonly string[] s_maleNames =
    [
        "James", "John", "Robert", "Michael", "William", "David", "Richard", "Joseph", "Thomas", "Charles",
        "Peter", "Daniel", "Matthew", "Christopher", "Andrew", "George", "Edward", "Benjamin", "Henry", "Samuel",
        "Alexander", "Oliver", "Jack", "Harry", "Jacob", "Noah", "Ethan", "Lucas", "Mason", "Logan", "Sebastian",
        "Theodore", "Owen", "Liam", "Aiden", "Kai", "Jayden", "Zion", "Phoenix", "Atlas", "Axel", "Ryder", "Finn",
    ];

    private static readonly string[] s_femaleNames =
    [
        "Mary", "Patricia", "Jennifer", "Linda", "Elizabeth", "Barbara", "Susan", "Jessica", "Sarah", "Karen",
        "Emma", "Lisa", "Anna", "Margaret", "Victoria", "Charlotte", "Sophia", "Isabella", "Olivia", "Ava", "Mia",
        "Emily", "Abigail", "Amelia", "Eleanor", "Grace", "Alice", "Lucy", "Chloe", "Sophie", "Lily", "Hannah",
        "Zoe", "Luna", "Nova", "Aria", "Willow", "Aurora", "Sage", "River", "Winter", "Sky", "Rain",
    ];

    /// <summary>Fewest people.</summary>
    public int MinFamilySize { get; init; } = 4;

    /// <summary>Most people.</summary>
    public int MaxFamilySize { get; init; } = 8;

    /// <summary>The names of men, by default the package's.</summary>
    public IReadOnlyList<string> MaleNames { get; init; } = s_maleNames;

    /// <summary>The names of women, by default the package's.</summary>
    public IReadOnlyList<string> FemaleNames { get; init; } = s_femaleNames;

    internal override void Validate()
    {
        Require(MinFamilySize >= 3, "min_family_size must be at least 3");
        Require(MaxFamilySize >= MinFamilySize, "max_family_size must be >= min_family_size");
        Require(MaleNames.Count > 0, "male_names: must provide male names");
        Require(FemaleNames.Count > 0, "female_names: must provide female names");
    }
}

/// <summary>How two members of a family are related (reasoning-gym <c>graphs/family_relationships.py</c>).</summary>
public sealed class FamilyRelationshipsTask(FamilyRelationshipsConfig config)
    : ReasoningTask<FamilyRelationshipsConfig>(TaskName, config)
{
    /// <summary>The name in the registry.</summary>
    public const string TaskName = "family_relationships";

    private static readonly string[] s_wordings =
    [
        "What is {0} to {1}? Respond only with the word that describes their relationship.",
        "How is {0} related to {1}? Provide the relationship in one word.",
        "What relation is {0} to {1}? Answer with a single word.",
    ];

    /// <summary>1 for the word in any case, with any white space around it, else 0.</summary>
    public override double Score(string? answer, TaskItem entry)
    {
        return answer is not null
            && PythonText.Lower(PythonText.Strip(answer))
                .SequenceEqual(PythonText.Lower(PythonText.Strip(entry.Answer))) ? 1 : 0;
    }

    private protected override TaskItem Generate(long index, PythonRandom random)
    {
        int size = random.RandInt(Config.MinFamilySize, Config.MaxFamilySize);
        FamilyTree tree = FamilyTree.Draw(random, Config, size);
        (Person first, Person second, string relationship) = DrawPair(random, [.. tree.Members]);
        string wording = random.Choice(s_wordings);
        JsonObject metadata = TaskJson.Metadata(Name, index);
        metadata["person1"] = first.Name;
        metadata["person2"] = second.Name;
        metadata["relationship"] = relationship;
        metadata["family_size"] = tree.Members.Count;
        metadata["difficulty"] =
            new JsonObject { ["family_size"] = TaskJson.Range(Config.MinFamilySize, Config.MaxFamilySize) };
        string question = string.Format(
            System.Globalization.CultureInfo.InvariantCulture, wording, first.Name ?? "None", second.Name ?? "None");
        return new TaskItem($"{tree.Tell()}\n\n{question}", relationship, metadata);
    }

    private static (Person First, Person Second, string Relationship) DrawPair(PythonRandom random, List<Person> family)
    {
        while (true)
        {
            Person[] pair = random.Sample(family, 2);
            if (Relationship(pair[0], pair[1]) is { } relationship)
            {
                return (pair[0], pair[1], relationship);
            }
        }
    }

    /// <summary>
    /// What the first person is to the second; null where the package has no word. For nieces, nephews and
    /// parents-in-law it takes the
    /// second person's part and gender instead, and so do its answers.
    /// </summary>
    private static string? Relationship(Person first, Person second)
    {
        if (second.Parents.Contains(first))
        {
            return first.IsFemale ? "mother" : "father";
        }

        if (first.Parents.Contains(second))
        {
            return first.IsFemale ? "daughter" : "son";
        }

        if (second.Equals(first.Spouse))
        {
            return first.IsFemale ? "wife" : "husband";
        }

        if (first.Parents.Count > 0 && first.Parents.ToHashSet().SetEquals(second.Parents))
        {
            return first.IsFemale ? "sister" : "brother";
        }

        if (second.HasGrandparent(first))
        {
            return first.IsFemale ? "grandmother" : "grandfather";
        }

        if (first.Parents.Exists(second.HasGrandparent))
        {
            return first.IsFemale ? "aunt" : "uncle";
        }

        if (second.Parents.Exists(first.HasGrandparent))
        {
            return second.IsFemale ? "niece" : "nephew";
        }

        return first.Spouse?.Parents.Contains(second) == true ? second.IsFemale ? "mother-in-law" : "father-in-law"
            : null;
    }
}
