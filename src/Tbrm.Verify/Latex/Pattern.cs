using System.Collections.Generic;

namespace Tbrm.Verify.Latex;

/// <summary>A node of the parse tree: a rule with its children, or a token.</summary>
internal sealed class ParseTree(string? rule, Token token, int start, int end, ParseTree[] children)
{
    /// <summary>The rule's name; null for a token.</summary>
    public string? Rule { get; } = rule;

    public Token Token { get; } = token;

    /// <summary>Index of the first token.</summary>
    public int Start { get; } = start;

    /// <summary>Index after the last token.</summary>
    public int End { get; } = end;

    public ParseTree[] Children { get; } = children;

    public bool Is(TokenKind kind) => Rule is null && Token.Kind == kind;

    public bool Has(TokenKind kind)
    {
        foreach (ParseTree child in Children)
        {
            if (child.Is(kind))
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>The index-th child that is rule <paramref name="rule"/>; null if there are not that many.</summary>
    public ParseTree? Find(string rule, int index = 0)
    {
        foreach (ParseTree child in Children)
        {
            if (child.Rule == rule && index-- == 0)
            {
                return child;
            }
        }

        return null;
    }

    public IEnumerable<ParseTree> All(string rule)
    {
        foreach (ParseTree child in Children)
        {
            if (child.Rule == rule)
            {
                yield return child;
            }
        }
    }
}

/// <summary>The trees matched so far by a sequence, last first; sharing prefixes keeps ambiguity cheap.</summary>
internal sealed record TreeList(TreeList? Before, ParseTree Last)
{
    public static ParseTree[] ToArray(TreeList? list)
    {
        int count = 0;
        for (TreeList? node = list; node is not null; node = node.Before)
        {
            count++;
        }

        ParseTree[] result = new ParseTree[count];
        for (TreeList? node = list; node is not null; node = node.Before)
        {
            result[--count] = node.Last;
        }

        return result;
    }
}

/// <summary>One way in which a pattern matches: where it ends and the trees found up to there.</summary>
internal readonly record struct Success(int End, TreeList? Trees);

/// <summary>
/// A piece of grammar. A pattern yields every way in which it matches, preferred ones first, at most one for each end:
/// the first alternative that lets the whole input match is then the one that an LL(*) parser would have predicted.
/// </summary>
internal abstract class Pattern
{
    /// <summary>Appends to <paramref name="into"/> the matches that start at <paramref name="from"/>'s end, after its trees.</summary>
    public abstract void Match(ParseRun run, Success from, List<Success> into);

    /// <summary>Whether a match can start with a token of this kind. False positives cost time only.</summary>
    public abstract bool CanStart(TokenKind kind);

    /// <summary>Whether the empty input matches.</summary>
    public abstract bool IsNullable { get; }

    protected static void AddNew(List<Success> into, Success success)
    {
        foreach (Success known in into)
        {
            if (known.End == success.End)
            {
                return;
            }
        }

        into.Add(success);
    }
}

/// <summary>One token of one of the given kinds.</summary>
internal sealed class TokenPattern(params TokenKind[] kinds) : Pattern
{
    public override bool IsNullable => false;

    public override bool CanStart(TokenKind kind) => System.Array.IndexOf(kinds, kind) >= 0;

    public override void Match(ParseRun run, Success from, List<Success> into)
    {
        Token token = run.Tokens[from.End];
        if (CanStart(token.Kind))
        {
            AddNew(into, new Success(from.End + 1, new TreeList(from.Trees, new ParseTree(null, token, from.End, from.End + 1, []))));
        }
    }
}

/// <summary>All parts, one after the other.</summary>
internal sealed class SequencePattern(params Pattern[] parts) : Pattern
{
    public override bool IsNullable => System.Array.TrueForAll(parts, p => p.IsNullable);

    public override bool CanStart(TokenKind kind)
    {
        foreach (Pattern part in parts)
        {
            if (part.CanStart(kind))
            {
                return true;
            }

            if (!part.IsNullable)
            {
                return false;
            }
        }

        return true;
    }

    public override void Match(ParseRun run, Success from, List<Success> into)
    {
        List<Success> frontier = [from];
        foreach (Pattern part in parts)
        {
            List<Success> next = [];
            foreach (Success success in frontier)
            {
                run.Budget.Spend();
                part.Match(run, success, next);
            }

            if (next.Count == 0)
            {
                return;
            }

            frontier = next;
        }

        foreach (Success success in frontier)
        {
            AddNew(into, success);
        }
    }
}

/// <summary>The first alternative is preferred; the others are kept for the case that the rest does not match after it.</summary>
internal sealed class ChoicePattern(params Pattern[] alternatives) : Pattern
{
    public override bool IsNullable => System.Array.Exists(alternatives, a => a.IsNullable);

    public override bool CanStart(TokenKind kind) => System.Array.Exists(alternatives, a => a.CanStart(kind)) || IsNullable;

    public override void Match(ParseRun run, Success from, List<Success> into)
    {
        TokenKind next = run.Tokens[from.End].Kind;
        foreach (Pattern alternative in alternatives)
        {
            if (alternative.IsNullable || alternative.CanStart(next))
            {
                alternative.Match(run, from, into);
            }
        }
    }
}

/// <summary>The part or nothing.</summary>
internal sealed class OptionalPattern(Pattern part) : Pattern
{
    public override bool IsNullable => true;

    public override bool CanStart(TokenKind kind) => part.CanStart(kind);

    public override void Match(ParseRun run, Success from, List<Success> into)
    {
        if (part.CanStart(run.Tokens[from.End].Kind))
        {
            part.Match(run, from, into);
        }

        AddNew(into, from);
    }
}

/// <summary>The part any number of times, as often as possible preferred.</summary>
internal sealed class RepeatPattern(Pattern part) : Pattern
{
    public override bool IsNullable => true;

    public override bool CanStart(TokenKind kind) => part.CanStart(kind);

    public override void Match(ParseRun run, Success from, List<Success> into)
    {
        // Depth first over ends: what follows a longer match comes before the match itself.
        HashSet<int> seen = [from.End];
        Stack<(Success At, List<Success>? Extensions, int Next)> stack = new();
        stack.Push((from, null, 0));
        while (stack.Count > 0)
        {
            (Success at, List<Success>? extensions, int next) = stack.Pop();
            run.Budget.Spend();
            if (extensions is null)
            {
                extensions = [];
                if (part.CanStart(run.Tokens[at.End].Kind))
                {
                    part.Match(run, at, extensions);
                }
            }

            if (next < extensions.Count)
            {
                stack.Push((at, extensions, next + 1));
                if (seen.Add(extensions[next].End))
                {
                    stack.Push((extensions[next], null, 0));
                }
            }
            else
            {
                AddNew(into, at);
            }
        }
    }
}
