using System.Collections.Generic;

namespace Tbrm.Jinja.Syntax;

/// <summary>An expression of a template.</summary>
internal abstract record Expression(int Line);

internal sealed record Constant(object? Value, int Line) : Expression(Line);

internal sealed record NameExpression(string Name, int Line) : Expression(Line);

internal sealed record ListExpression(IReadOnlyList<Expression> Items, int Line) : Expression(Line);

internal sealed record TupleExpression(IReadOnlyList<Expression> Items, int Line) : Expression(Line);

internal sealed record DictExpression(IReadOnlyList<(Expression Key, Expression Value)> Items, int Line)
    : Expression(Line);

/// <summary>a.b</summary>
internal sealed record AttributeExpression(Expression Target, string Name, int Line) : Expression(Line);

/// <summary>a[b]</summary>
internal sealed record ItemExpression(Expression Target, Expression Key, int Line) : Expression(Line);

/// <summary>a[b:c:d]</summary>
internal sealed record SliceExpression(Expression Target, Expression? Start, Expression? Stop, Expression? Step,
    int Line) : Expression(Line);

/// <summary>The arguments of a call, filter or test.</summary>
internal sealed record ArgumentList(
    IReadOnlyList<Expression> Positional,
    IReadOnlyList<(string Name, Expression Value)> Named,
    Expression? MorePositional,
    Expression? MoreNamed)
{
    /// <summary>No arguments.</summary>
    public static ArgumentList Empty { get; } = new([], [], null, null);
}

internal sealed record CallExpression(Expression Target, ArgumentList Arguments, int Line) : Expression(Line);

/// <summary>value|name(...); the value is null in a filter block, where it comes from the block's body.</summary>
internal sealed record FilterExpression(Expression? Value, string Name, ArgumentList Arguments, int Line)
    : Expression(Line);

/// <summary>value is name(...)</summary>
internal sealed record TestExpression(Expression Value, string Name, ArgumentList Arguments, int Line)
    : Expression(Line);

/// <summary>+ - * / // % **</summary>
internal sealed record BinaryExpression(string Operator, Expression Left, Expression Right, int Line)
    : Expression(Line);

/// <summary>a ~ b ~ c</summary>
internal sealed record ConcatExpression(IReadOnlyList<Expression> Parts, int Line) : Expression(Line);

/// <summary>a &lt; b == c: each operator compares with the value before it.</summary>
internal sealed record CompareExpression(Expression First, IReadOnlyList<(string Operator, Expression Value)> Rest,
    int Line) : Expression(Line);

/// <summary>and, or</summary>
internal sealed record LogicExpression(bool IsAnd, Expression Left, Expression Right, int Line) : Expression(Line);

internal sealed record NotExpression(Expression Value, int Line) : Expression(Line);

/// <summary>Unary + and -.</summary>
internal sealed record SignExpression(bool Negate, Expression Value, int Line) : Expression(Line);

/// <summary>then if condition else otherwise</summary>
internal sealed record ConditionalExpression(Expression Condition, Expression Then, Expression? Otherwise, int Line)
    : Expression(Line);
