using System.Collections.Generic;

namespace Tbrm.MathVerify.Latex;

/// <summary>A node of the parse tree: a rule with its children, or a token.</summary>
internal sealed class ParseTree(string? rule, Token token, int start, int end, TreeList? children)
{
    private ParseTree[]? _children;

    /// <summary>The rule's name; null for a token.</summary>
    public string? Rule { get; } = rule;

    public Token Token { get; } = token;

    /// <summary>Index of the first token.</summary>
    public int Start { get; } = start;

    /// <summary>Index after the last token.</summary>
    public int End { get; } = end;

    /// <summary>The children; made into an array on first use, since most matches of an ambiguous text are never looked
    /// at.</summary>
    public ParseTree[] Children => _children ??= TreeList.ToArray(children);

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

/// <summary>Successes in order of preference; of several with the same end the first is kept.</summary>
internal sealed class SuccessList
{
    private const int Few = 8;
    private readonly List<Success> _items = [];
    private HashSet<int>? _ends;

    public int Count => _items.Count;

    public Success this[int index] => _items[index];

    public void Add(Success success)
    {
        if (_items.Count < Few)
        {
            foreach (Success known in _items)
            {
                if (known.End == success.End)
                {
                    return;
                }
            }

            _items.Add(success);
            return;
        }

        if (_ends is null)
        {
            _ends = [];
            _items.ForEach(item => _ends.Add(item.End));
        }

        if (_ends.Add(success.End))
        {
            _items.Add(success);
        }
    }

    public List<Success>.Enumerator GetEnumerator() => _items.GetEnumerator();
}

/// <summary>
/// A piece of grammar. A pattern yields every way in which it matches, preferred ones first, at most one for each end:
/// the first alternative that lets the whole input match is then the one that an LL(*) parser would have predicted.
/// </summary>
internal abstract class Pattern
{
    /// <summary>Appends to <paramref name="into"/> the matches that start at <paramref name="from"/>'s end, after its
    /// trees.</summary>
    public abstract void Match(ParseRun run, Success from, SuccessList into);

    /// <summary>Whether a match can start with a token of this kind. False positives cost time only.</summary>
    public abstract bool CanStart(TokenKind kind);

    /// <summary>Whether the empty input matches.</summary>
    public abstract bool IsNullable { get; }

    protected static void AddNew(SuccessList into, Success success) => into.Add(success);
}

/// <summary>One token of one of the given kinds.</summary>
internal sealed class TokenPattern(params TokenKind[] kinds) : Pattern
{
    public override bool IsNullable => false;

    public override bool CanStart(TokenKind kind) => System.Array.IndexOf(kinds, kind) >= 0;

    public override void Match(ParseRun run, Success from, SuccessList into)
    {
        Token token = run.Tokens[from.End];
        if (CanStart(token.Kind))
        {
            AddNew(into, new Success(
                from.End + 1, new TreeList(from.Trees, new ParseTree(null, token, from.End, from.End + 1, null))));
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

    public override void Match(ParseRun run, Success from, SuccessList into)
    {
        SuccessList frontier = new();
        frontier.Add(from);
        foreach (Pattern part in parts)
        {
            SuccessList next = new();
            foreach (Success success in frontier)
            {
                run.Budget.Spend(6);
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

/// <summary>The first alternative is preferred; the others are kept for the case that the rest does not match after
/// it.</summary>
internal sealed class ChoicePattern(params Pattern[] alternatives) : Pattern
{
    public override bool IsNullable => System.Array.Exists(alternatives, a => a.IsNullable);

    public override bool CanStart(TokenKind kind) => System.Array.Exists(alternatives, a => a.CanStart(kind))
        || IsNullable;

    public override void Match(ParseRun run, Success from, SuccessList into)
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

    public override void Match(ParseRun run, Success from, SuccessList into)
    {
        if (part.CanStart(run.Tokens[from.End].Kind))
        {
            part.Match(run, from, into);
        }

        AddNew(into, from);
    }
}

/// <summary>The part any number of times, as often as possible preferred.</summary>
/// <param name="part">What is repeated.</param>
/// <param name="mayStopBefore">
/// Whether a repetition that could go on may also stop before the given position; null for always. Most loops go on as
/// long
/// as they can because nothing behind them can begin with what begins another round; leaving out the stops that cannot
/// lead
/// anywhere keeps long texts linear.
/// </param>
internal sealed class RepeatPattern(Pattern part, System.Func<ParseRun, int, bool>? mayStopBefore) : Pattern
{
    public override bool IsNullable => true;

    public override bool CanStart(TokenKind kind) => part.CanStart(kind);

    public override void Match(ParseRun run, Success from, SuccessList into)
    {
        // Depth first over ends: what follows a longer match comes before the match itself.
        HashSet<int> seen = [from.End];
        Stack<(Success At, SuccessList? Extensions, int Next)> stack = new();
        stack.Push((from, null, 0));
        while (stack.Count > 0)
        {
            (Success at, SuccessList? extensions, int next) = stack.Pop();
            run.Budget.Spend(6);
            if (extensions is null)
            {
                extensions = new SuccessList();
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
            else if (extensions.Count == 0 || mayStopBefore is null || mayStopBefore(run, at.End))
            {
                AddNew(into, at);
            }
        }
    }
}
