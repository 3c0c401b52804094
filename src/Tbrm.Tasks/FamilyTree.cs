using System;
using System.Collections.Generic;
using System.Linq;
using Tbrm.Tasks.Python;

namespace Tbrm.Tasks;

/// <summary>A person of <see cref="FamilyRelationshipsTask"/>, hashed by its number as in the package.</summary>
/// <param name="Name">Null where the names ran out.</param>
/// <param name="IsFemale">The gender.</param>
/// <param name="Id">0, 1, 2, ... in order of creation.</param>
internal sealed record Person(string? Name, bool IsFemale, int Id)
{
    /// <summary>Whom the person is married to.</summary>
    public Person? Spouse { get; private set; }

    /// <summary>Father and mother, as far as they are in the family.</summary>
    public List<Person> Parents { get; } = [];

    /// <summary>In order of creation.</summary>
    public List<Person> Children { get; } = [];

    /// <summary>Equal by number.</summary>
    public bool Equals(Person? other)
    {
        return other is not null && Id == other.Id;
    }

    /// <inheritdoc/>
    public override int GetHashCode()
    {
        return Id;
    }

    /// <summary>Whether a person is a parent of one of this person's parents.</summary>
    public bool HasGrandparent(Person person)
    {
        return Parents.Any(p => p.Parents.Contains(person));
    }

    /// <summary>Marries both to each other.</summary>
    public void Marry(Person spouse)
    {
        Spouse = spouse;
        spouse.Spouse = this;
    }

    /// <summary>Makes a person this one's child.</summary>
    public void Adopt(Person child)
    {
        Children.Add(child);
        child.Parents.Add(this);
    }
}

/// <summary>Builds a family and tells its story, drawing as the package does.</summary>
internal sealed class FamilyTree
{
    private static readonly bool[] s_genders = [false, true];

    private readonly PythonRandom _random;
    private readonly FamilyRelationshipsConfig _config;
    private readonly HashSet<string> _usedNames = [];
    private readonly List<(Person First, Person Second)> _couples = [];
    private int _nextId;

    private FamilyTree(PythonRandom random, FamilyRelationshipsConfig config)
    {
        (_random, _config) = (random, config);
    }

    /// <summary>The members, in the order of Python's set.</summary>
    public PythonSet<Person> Members { get; } = new(p => PythonHash.OfInteger(p.Id));

    /// <summary>
    /// Two grandparents, their son, his wife (from 4 members on), her parents (from 7), his brother and wife (from 9),
    /// his sister and husband
    /// (from 11), and children of these couples up to the size.
    /// </summary>
    public static FamilyTree Draw(PythonRandom random, FamilyRelationshipsConfig config, int size)
    {
        FamilyTree tree = new(random, config);
        (Person First, Person Second) paternal = tree.DrawCouple(firstIsFemale: false);
        (Person First, Person Second)? maternal = size > 6 ? tree.DrawCouple(firstIsFemale: false) : null;
        Person father = tree.DrawChild(paternal, isFemale: false);
        if (size > 3)
        {
            Person mother = tree.DrawPerson(isFemale: true);
            father.Marry(mother);
            tree.Members.Add(mother);
            tree._couples.Add((father, mother));
            maternal?.First.Adopt(mother);
            maternal?.Second.Adopt(mother);
        }

        if (size > 8)
        {
            tree.DrawSibling(paternal, isFemale: false);
        }

        if (size > 10)
        {
            tree.DrawSibling(paternal, isFemale: true);
        }

        tree.DrawChildren(size);
        return tree;
    }

    /// <summary>Who is married to whom, and each couple's children that have not been named before.</summary>
    public string Tell()
    {
        PythonSet<(Person First, Person Second)> couples = new(c => PythonHash.OfPair(c.First.Id, c.Second.Id));
        foreach (Person person in Members)
        {
            if (person.Spouse is not null && !couples.Contains((person.Spouse, person)))
            {
                couples.Add((person, person.Spouse));
            }
        }

        List<string> sentences = [];
        HashSet<Person> told = [];
        foreach ((Person first, Person second) in couples)
        {
            sentences.Add($"{first.Name ?? "None"} is married to {second.Name ?? "None"}.");
            string?[] children = [.. first.Children.Where(told.Add).Select(c => c.Name)];
            if (children.Length == 1)
            {
                sentences.Add($"They have a child called {children[0] ?? "None"}.");
            }
            else if (children.Length > 1)
            {
                // The package prints a missing name as None, but cannot join it to others.
                string[] butLast = [.. children[..^1]
                    .Select(n => n ?? throw new ArgumentException("there are not enough names"))];
                sentences.Add($"They have children called {string.Join(", ", butLast)} and {children[^1] ?? "None"}.");
            }
        }

        return string.Join(' ', sentences);
    }

    private (Person First, Person Second) DrawCouple(bool firstIsFemale)
    {
        Person first = DrawPerson(firstIsFemale);
        Person second = DrawPerson(!firstIsFemale);
        first.Marry(second);
        Members.Add(first);
        Members.Add(second);
        return (first, second);
    }

    private Person DrawChild((Person First, Person Second) parents, bool isFemale)
    {
        Person child = DrawPerson(isFemale);
        parents.First.Adopt(child);
        parents.Second.Adopt(child);
        Members.Add(child);
        return child;
    }

    private void DrawSibling((Person First, Person Second) parents, bool isFemale)
    {
        (Person First, Person Second) couple = DrawCouple(isFemale);
        parents.First.Adopt(couple.First);
        parents.Second.Adopt(couple.First);
        _couples.Add(couple);
    }

    private void DrawChildren(int size)
    {
        while (Members.Count < size)
        {
            bool isFemale = _random.Choice(s_genders);
            if (DrawName(isFemale) is not { } name)
            {
                return;
            }

            Person child = new(name, isFemale, _nextId++);
            (Person First, Person Second) parents = _random.Choice(_couples);
            parents.First.Adopt(child);
            parents.Second.Adopt(child);
            Members.Add(child);
        }
    }

    private Person DrawPerson(bool isFemale)
    {
        return new Person(DrawName(isFemale), isFemale, _nextId++);
    }

    private string? DrawName(bool isFemale)
    {
        string[] available =
            [.. (isFemale ? _config.FemaleNames : _config.MaleNames).Where(n => !_usedNames.Contains(n))];
        if (available.Length == 0)
        {
            return null;
        }

        string name = _random.Choice(available);
        _usedNames.Add(name);
        return name;
    }
}
