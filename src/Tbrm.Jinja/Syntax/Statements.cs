using System.Collections.Generic;

namespace Tbrm.Jinja.Syntax;

/// <summary>A statement of a template.</summary>
internal abstract record Statement(int Line);

internal sealed record TextStatement(string Text, int Line) : Statement(Line);

/// <summary>{{ ... }}, and {% print %} with several values.</summary>
internal sealed record OutputStatement(IReadOnlyList<Expression> Values, int Line) : Statement(Line);

internal sealed record IfStatement(
    IReadOnlyList<(Expression Condition, IReadOnlyList<Statement> Body)> Branches, IReadOnlyList<Statement> Else,
        int Line) : Statement(Line);

internal sealed record ForStatement(
    AssignmentTarget Target,
    Expression Items,
    Expression? Filter,
    bool Recursive,
    IReadOnlyList<Statement> Body,
    IReadOnlyList<Statement> Else,
    int Line) : Statement(Line);

/// <summary>{% set target = value %}</summary>
internal sealed record SetStatement(AssignmentTarget Target, Expression Value, int Line) : Statement(Line);

/// <summary>{% set target %}body{% endset %}, the body through a chain of filters.</summary>
internal sealed record SetBlockStatement(
    AssignmentTarget Target, FilterExpression? Filter, IReadOnlyList<Statement> Body, int Line) : Statement(Line);

internal sealed record WithStatement(
    IReadOnlyList<(AssignmentTarget Target, Expression Value)> Bindings, IReadOnlyList<Statement> Body, int Line)
        : Statement(Line);

internal sealed record FilterBlockStatement(FilterExpression Filter, IReadOnlyList<Statement> Body, int Line)
    : Statement(Line);

/// <summary>The parameters of a macro or call block; defaults belong to the last ones.</summary>
internal sealed record Signature(IReadOnlyList<string> Parameters, IReadOnlyList<Expression> Defaults)
{
    /// <summary>No parameters.</summary>
    public static Signature Empty { get; } = new([], []);
}

internal sealed record MacroStatement(string Name, Signature Signature, MacroBody Body, int Line) : Statement(Line);

internal sealed record CallBlockStatement(CallExpression Call, Signature Signature, MacroBody Body, int Line)
    : Statement(Line);

/// <summary>The body of a macro with the special names that it mentions.</summary>
internal sealed record MacroBody(IReadOnlyList<Statement> Statements, bool UsesCaller, bool UsesVarargs,
    bool UsesKwargs);

/// <summary>{% generation %}: the assistant's part, rendered as it stands, in a scope of its own.</summary>
internal sealed record GenerationStatement(IReadOnlyList<Statement> Body, int Line) : Statement(Line);

internal sealed record BlockStatement(string Name, bool IsScoped, IReadOnlyList<Statement> Body, int Line)
    : Statement(Line);

internal sealed record AutoescapeStatement(Expression Value, IReadOnlyList<Statement> Body, int Line) : Statement(Line);

internal sealed record BreakStatement(int Line) : Statement(Line);

internal sealed record ContinueStatement(int Line) : Statement(Line);

/// <summary>include, import, from, extends: they need other templates, which a chat template does not have.</summary>
internal sealed record LoadStatement(string Tag, int Line) : Statement(Line);

/// <summary>What a value can be assigned to.</summary>
internal abstract record AssignmentTarget(int Line);

internal sealed record NameTarget(string Name, int Line) : AssignmentTarget(Line);

/// <summary>namespace.attribute</summary>
internal sealed record NamespaceTarget(string Name, string Attribute, int Line) : AssignmentTarget(Line);

internal sealed record TupleTarget(IReadOnlyList<AssignmentTarget> Items, int Line) : AssignmentTarget(Line);
