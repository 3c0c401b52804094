using System;
using System.Collections.Generic;
using System.Linq;
using System.Text.Json;
using Tbrm.Jinja.Library;
using Tbrm.Jinja.Runtime;
using Tbrm.Jinja.Syntax;
using Tbrm.Jinja.Values;

namespace Tbrm.Jinja;

/// <summary>
/// A Jinja template as Hugging Face's chat templates use it: Jinja 3.1 with an immutable sandbox, <c>trim_blocks</c>,
/// <c>lstrip_blocks</c>, loop controls, <c>{% generation %}</c>, and the functions of transformers. Thread-safe.
/// </summary>
public sealed class JinjaTemplate
{
    private readonly IReadOnlyList<Statement> _statements;

    private JinjaTemplate(IReadOnlyList<Statement> statements)
    {
        _statements = statements;
    }

    /// <summary>Reads a template.</summary>
    /// <exception cref="JinjaException">It is malformed; the message names the line.</exception>
    public static JinjaTemplate Parse(string source)
    {
        IReadOnlyList<Statement> statements = TemplateParser.Parse(source);
        try
        {
            LibraryCheck.Check(statements);
        }
        catch (InsufficientExecutionStackException e)
        {
            throw new JinjaException("the template is nested too deep", 1, e);
        }

        return new JinjaTemplate(statements);
    }

    /// <summary>The names that its expressions read, its own variables among them.</summary>
    /// <exception cref="JinjaException">It is nested too deep.</exception>
    public IReadOnlySet<string> ReadNames()
    {
        HashSet<string> names = new(StringComparer.Ordinal);
        try
        {
            NameSearch.Collect(_statements, names);
        }
        catch (InsufficientExecutionStackException e)
        {
            throw new JinjaException("the template is nested too deep", 1, e);
        }

        return names;
    }

    /// <summary>
    /// The words by which its expressions can ask for a part of a value: names, attributes and texts. Null when a
    /// message is handed on as a whole (<c>message | tojson</c>, <c>message.items()</c>), so that anything in it may be
    /// read.
    /// </summary>
    /// <exception cref="JinjaException">It is nested too deep.</exception>
    public IReadOnlySet<string>? ReadWords()
    {
        HashSet<string> words = new(StringComparer.Ordinal);
        bool whole = false;
        try
        {
            NameSearch.Visit(_statements, expression =>
            {
                _ = expression switch
                {
                    NameExpression name => words.Add(name.Name),
                    AttributeExpression attribute => words.Add(attribute.Name),
                    Constant { Value: string text } => words.Add(text),
                    _ => false,
                };
                whole |= expression is FilterExpression { Name: "tojson" or "items" or "string", Value: { } value }
                    ? IsMessage(value)
                    : expression is AttributeExpression { Name: "items" or "values" or "keys", Target: { } target }
                        && IsMessage(target);
            });
        }
        catch (InsufficientExecutionStackException e)
        {
            throw new JinjaException("the template is nested too deep", 1, e);
        }

        return whole ? null : words;

        static bool IsMessage(Expression value) =>
            value is NameExpression { Name: "message" or "messages" or "msg" or "m" };
    }

    /// <summary>Renders it with JSON values as its variables.</summary>
    /// <param name="variables">Name to value, as JSON has them.</param>
    /// <param name="limits">What it may use up; null for <see cref="JinjaLimits.Default"/>.</param>
    /// <param name="now">The time for <c>strftime_now</c>; null for the machine's.</param>
    /// <exception cref="JinjaException">It fails; the message names the line, or is the template's own.</exception>
    public string Render(IEnumerable<KeyValuePair<string, JsonElement>> variables, JinjaLimits? limits = null,
        Func<DateTimeOffset>? now = null)
    {
        try
        {
            return Render(variables.Select(pair => KeyValuePair.Create(pair.Key, PyJson.Read(pair.Value))), limits,
                now);
        }
        catch (InsufficientExecutionStackException e)
        {
            throw new JinjaException("the variables are nested too deep", 1, e);
        }
    }

    /// <summary>Renders it with values of the engine's own.</summary>
    internal string Render(IEnumerable<KeyValuePair<string, object?>> variables, JinjaLimits? limits,
        Func<DateTimeOffset>? now)
    {
        RenderState state = new(limits ?? JinjaLimits.Default, now ?? (static () => DateTimeOffset.Now));
        Scope globals = new(null);
        Globals.Define(globals, state);
        Scope root = new(globals);
        foreach ((string name, object? value) in variables)
        {
            root.Set(name, value);
        }

        try
        {
            return state.Run(() => new Renderer(state).Render(_statements, root));
        }
        catch (OutOfMemoryException e)
        {
            throw new JinjaException("the template needs more memory than there is", 1, e);
        }
    }
}
