using System;
using System.Collections.Generic;
using System.Linq;

namespace Tbrm.Text.Patterns;

/// <summary>What an instruction of a <see cref="RegexProgram"/> does.</summary>
internal enum RegexOpcode
{
    /// <summary>Takes a character of Set.</summary>
    Set,

    /// <summary>Takes Min to Max characters of Set; the fast way for the common case.</summary>
    RepeatSet,

    /// <summary>Goes to Target.</summary>
    Jump,

    /// <summary>Goes on; when that fails, goes to Target.</summary>
    TryNext,

    /// <summary>Goes to Target; when that fails, goes on.</summary>
    TryTarget,

    /// <summary>An anchor.</summary>
    Anchor,

    /// <summary>Look-around with Program.</summary>
    Look,

    /// <summary>An atomic group with Program.</summary>
    Atomic,

    /// <summary>Goes on only when something was taken since the loop's last round, so that it ends.</summary>
    Progress,

    /// <summary>Remembers where a round of the loop starts.</summary>
    Mark,

    /// <summary>The program has matched.</summary>
    Match,
}

/// <summary>One instruction.</summary>
internal sealed record RegexInstruction(
    RegexOpcode Opcode,
    int Target = 0,
    RuneSet? Set = null,
    int Min = 0,
    int Max = 0,
    RepeatMode Mode = RepeatMode.Greedy,
    AnchorKind Anchor = default,
    RegexProgram? Program = null,
    bool Behind = false,
    bool Negate = false);

/// <summary>A regular expression as instructions for <see cref="RegexMatcher"/>.</summary>
internal sealed class RegexProgram
{
    /// <summary>Counted repetition copies its content; patterns that grow beyond this are refused.</summary>
    private const int MaxInstructions = 20000;

    private static readonly int[] s_zero = [0];

    private readonly List<RegexInstruction> _code = [];
    private int _marks;

    private RegexProgram()
    {
    }

    /// <summary>The instructions.</summary>
    public IReadOnlyList<RegexInstruction> Code => _code;

    /// <summary>How many loops remember where their round started.</summary>
    public int Marks => _marks;

    /// <summary>How many characters a look-behind steps back: the lengths that its content can have.</summary>
    public IReadOnlyList<int> Lengths { get; private set; } = [];

    /// <summary>Compiles a parsed pattern.</summary>
    /// <exception cref="FormatException">It is too long, or looks behind over an unknown length.</exception>
    public static RegexProgram Compile(RegexNode node)
    {
        RegexProgram program = new();
        program.Emit(node);
        program.Add(new RegexInstruction(RegexOpcode.Match));
        return program;
    }

    private int Add(RegexInstruction instruction)
    {
        if (_code.Count >= MaxInstructions)
        {
            throw new FormatException("the pattern is too long once its repetitions are written out");
        }

        _code.Add(instruction);
        return _code.Count - 1;
    }

    private void Retarget(int index) => _code[index] = _code[index] with { Target = _code.Count };

    private void Emit(RegexNode node)
    {
        switch (node)
        {
            case SetNode set:
                Add(new RegexInstruction(RegexOpcode.Set, Set: set.Set));
                break;
            case SequenceNode sequence:
                foreach (RegexNode item in sequence.Items)
                {
                    Emit(item);
                }

                break;
            case AlternativesNode alternatives:
                EmitAlternatives(alternatives);
                break;
            case RepeatNode repeat:
                EmitRepeat(repeat);
                break;
            case AnchorNode anchor:
                Add(new RegexInstruction(RegexOpcode.Anchor, Anchor: anchor.Kind));
                break;
            case AtomicNode atomic:
                Add(new RegexInstruction(RegexOpcode.Atomic, Program: Compile(atomic.Item)));
                break;
            case LookNode look:
                RegexProgram content = Compile(look.Item);
                content.Lengths = look.Behind ? LengthsOf(look.Item) : [];
                Add(new RegexInstruction(RegexOpcode.Look, Program: content, Behind: look.Behind, Negate: look.Negate));
                break;
            default:
                throw new FormatException($"{node.GetType().Name} is not supported");
        }
    }

    private void EmitAlternatives(AlternativesNode node)
    {
        List<int> ends = [];
        for (int i = 0; i + 1 < node.Items.Count; i++)
        {
            int attempt = Add(new RegexInstruction(RegexOpcode.TryNext));
            Emit(node.Items[i]);
            ends.Add(Add(new RegexInstruction(RegexOpcode.Jump)));
            Retarget(attempt);
        }

        Emit(node.Items[^1]);
        ends.ForEach(Retarget);
    }

    private void EmitRepeat(RepeatNode node)
    {
        if (node.Mode != RepeatMode.Lazy && SingleSet(node.Item) is RuneSet set)
        {
            Add(new RegexInstruction(RegexOpcode.RepeatSet, Set: set, Min: node.Min, Max: node.Max, Mode: node.Mode));
            return;
        }

        if (node.Mode == RepeatMode.Possessive)
        {
            Emit(new AtomicNode(node with { Mode = RepeatMode.Greedy }));
            return;
        }

        for (int i = 0; i < node.Min; i++)
        {
            Emit(node.Item);
        }

        RegexOpcode attempt = node.Mode == RepeatMode.Greedy ? RegexOpcode.TryNext : RegexOpcode.TryTarget;
        if (node.Max < 0)
        {
            int loop = Add(new RegexInstruction(attempt));
            int mark = _marks++;
            Add(new RegexInstruction(RegexOpcode.Mark, Min: mark));
            Emit(node.Item);
            Add(new RegexInstruction(RegexOpcode.Progress, Min: mark));
            Add(new RegexInstruction(RegexOpcode.Jump, Target: loop));
            Retarget(loop);
            return;
        }

        List<int> exits = [];
        for (int i = node.Min; i < node.Max; i++)
        {
            exits.Add(Add(new RegexInstruction(attempt)));
            Emit(node.Item);
        }

        exits.ForEach(Retarget);
    }

    private static RuneSet? SingleSet(RegexNode node) => node switch
    {
        SetNode set => set.Set,
        SequenceNode { Items.Count: 1 } sequence => SingleSet(sequence.Items[0]),
        _ => null,
    };

    private static int[] LengthsOf(RegexNode node)
    {
        int[] lengths = node switch
        {
            SetNode => [1],
            AnchorNode or LookNode => [0],
            AtomicNode atomic => LengthsOf(atomic.Item),
            AlternativesNode alternatives => [.. alternatives.Items.SelectMany(LengthsOf)],
            SequenceNode sequence => sequence.Items.Aggregate(s_zero, (sums, item) => Sums(sums, LengthsOf(item))),
            RepeatNode { Max: >= 0 } repeat => [.. Enumerable.Range(repeat.Min, repeat.Max - repeat.Min + 1)
                .SelectMany(times => Enumerable.Range(0, times)
                    .Aggregate(s_zero, (sums, _) => Sums(sums, LengthsOf(repeat.Item))))],
            _ => throw new FormatException("a look-behind of unbounded length is not supported"),
        };
        return [.. lengths.Distinct().Order()];
    }

    private static int[] Sums(int[] left, int[] right)
    {
        int[] sums = [.. left.SelectMany(a => right.Select(b => a + b)).Distinct()];
        return sums.Length <= 1000 ? sums : throw new FormatException("a look-behind has too many lengths");
    }
}
