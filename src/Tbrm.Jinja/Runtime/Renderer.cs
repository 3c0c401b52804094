using System;
using System.Collections.Generic;
using System.Linq;
using System.Text;
using Tbrm.Jinja.Syntax;
using Tbrm.Jinja.Values;

namespace Tbrm.Jinja.Runtime;

/// <summary>Renders statements.</summary>
internal sealed class Renderer(RenderState state)
{
    private readonly Evaluator _evaluator = new(state);

    private enum Flow
    {
        Next,
        Break,
        Continue,
    }

    /// <summary>Renders a whole template.</summary>
    public string Render(IReadOnlyList<Statement> template, Scope root)
    {
        root.Set("self", new SelfObject(template, body => Capture(body, new Scope(root))));
        return Capture(template, root);
    }

    private string Capture(IReadOnlyList<Statement> body, Scope scope)
    {
        StringBuilder output = new();
        Execute(body, scope, output);
        return output.ToString();
    }

    private Flow Execute(IReadOnlyList<Statement> body, Scope scope, StringBuilder output)
    {
        foreach (Statement statement in body)
        {
            try
            {
                System.Runtime.CompilerServices.RuntimeHelpers.EnsureSufficientExecutionStack();
                state.Step();
                Flow flow = ExecuteOne(statement, scope, output);
                if (flow != Flow.Next)
                {
                    return flow;
                }
            }
            catch (PyError e)
            {
                throw new JinjaException(e.Complaint, statement.Line, e);
            }
            catch (InsufficientExecutionStackException e)
            {
                throw new JinjaException("RecursionError: statements or calls are nested too deep", statement.Line, e);
            }
        }

        return Flow.Next;
    }

    private Flow ExecuteOne(Statement statement, Scope scope, StringBuilder output)
    {
        switch (statement)
        {
            case TextStatement text:
                state.Write(output, text.Text);
                return Flow.Next;
            case OutputStatement print:
                foreach (Expression value in print.Values)
                {
                    state.Write(output, PyText.Str(_evaluator.Evaluate(value, scope)));
                }

                return Flow.Next;
            case IfStatement branch:
                return If(branch, scope, output);
            case ForStatement loop:
                return For(loop, _evaluator.Evaluate(loop.Items, scope), scope, output, depth: 0);
            case SetBlockStatement or FilterBlockStatement:
                return Buffered(statement, scope, output);
            case BreakStatement:
                return Flow.Break;
            case ContinueStatement:
                return Flow.Continue;
            case WithStatement with:
                return With(with, scope, output);
            case GenerationStatement generation:
                return Execute(generation.Body, new Scope(scope), output);
            case BlockStatement block:
                return Execute(block.Body, new Scope(block.IsScoped ? scope : Root(scope)), output);
            case AutoescapeStatement escape:
                return PyType.IsTrue(_evaluator.Evaluate(escape.Value, scope))
                    ? throw new JinjaException("{% autoescape true %} is not supported", escape.Line)
                    : Execute(escape.Body, new Scope(scope), output);
            case LoadStatement load:
                throw new JinjaException($"{{% {load.Tag} %}} needs other templates, and a chat template has none",
                    load.Line);
            default:
                Define(statement, scope, output);
                return Flow.Next;
        }
    }

    private void Define(Statement statement, Scope scope, StringBuilder output)
    {
        switch (statement)
        {
            case SetStatement set:
                Assign(set.Target, _evaluator.Evaluate(set.Value, scope), scope);
                break;
            case MacroStatement macro:
                scope.Set(macro.Name, NewMacro(macro.Name, macro.Signature, macro.Body, scope));
                break;
            case CallBlockStatement call:
                CallArguments arguments = _evaluator.Arguments(call.Call.Arguments, scope);
                arguments.Named["caller"] = NewMacro("caller", call.Signature, call.Body, scope);
                state.Write(output, PyText.Str(
                    PyOperators.Call(_evaluator.Evaluate(call.Call.Target, scope), arguments)));
                break;
            default:
                throw new JinjaException($"unknown statement {statement.GetType().Name}", statement.Line);
        }
    }

    /// <summary>A block whose text goes somewhere else; when break or continue leaves it, the text goes
    /// nowhere.</summary>
    private Flow Buffered(Statement statement, Scope scope, StringBuilder output)
    {
        StringBuilder buffer = new();
        Flow flow = Execute(
            statement is SetBlockStatement block ? block.Body
            : ((FilterBlockStatement)statement).Body, new Scope(scope), buffer);
        if (flow != Flow.Next)
        {
            return flow;
        }

        if (statement is SetBlockStatement set)
        {
            Assign(set.Target, set.Filter == null ? buffer.ToString()
                : _evaluator.ApplyFilters(set.Filter, buffer.ToString(), scope), scope);
        }
        else
        {
            state.Write(output, PyText.Str(
                _evaluator.ApplyFilters(((FilterBlockStatement)statement).Filter, buffer.ToString(), scope)));
        }

        return Flow.Next;
    }

    private Flow If(IfStatement branch, Scope scope, StringBuilder output)
    {
        foreach ((Expression condition, IReadOnlyList<Statement> body) in branch.Branches)
        {
            if (PyType.IsTrue(_evaluator.Evaluate(condition, scope)))
            {
                return Execute(body, scope, output);
            }
        }

        return Execute(branch.Else, scope, output);
    }

    private Flow With(WithStatement with, Scope scope, StringBuilder output)
    {
        Scope inner = new(scope);
        foreach ((AssignmentTarget target, Expression value) in with.Bindings)
        {
            Assign(target, _evaluator.Evaluate(value, scope), inner);
        }

        return Execute(with.Body, inner, output);
    }

    /// <summary>What leaves the loop's own else leaves the loop around it.</summary>
    private Flow For(ForStatement statement, object? source, Scope scope, StringBuilder output, int depth)
    {
        IEnumerable<object?> items = PyType.Iterate(source);
        if (statement.Filter != null)
        {
            items = Filtered(statement, items, scope);
        }

        LoopContext loop = new(
            statement.Filter == null ? source : null, items, depth, statement.Recursive ? Recurse : null);
        bool any = false;
        while (loop.MoveNext(out object? item))
        {
            any = true;
            state.Step();
            Scope inner = new(scope);
            Assign(statement.Target, item, inner);
            inner.Set("loop", loop);
            if (Execute(statement.Body, inner, output) == Flow.Break)
            {
                break;
            }
        }

        return any ? Flow.Next : Execute(statement.Else, new Scope(scope), output);

        object? Recurse(object? children)
        {
            state.Enter();
            StringBuilder nested = new();
            For(statement, children, scope, nested, depth + 1);
            state.Leave();
            return nested.ToString();
        }
    }

    private IEnumerable<object?> Filtered(ForStatement statement, IEnumerable<object?> items, Scope scope)
    {
        foreach (object? item in items)
        {
            Scope inner = new(scope);
            Assign(statement.Target, item, inner);
            if (PyType.IsTrue(_evaluator.Evaluate(statement.Filter!, inner)))
            {
                yield return item;
            }
        }
    }

    private Macro NewMacro(string name, Signature signature, MacroBody body, Scope scope)
    {
        return new Macro(name, signature, body, values =>
        {
            state.Enter();
            Scope inner = new(scope);
            foreach ((string parameter, object? value) in values)
            {
                if (value.IsGiven())
                {
                    inner.Set(parameter, value);
                }
            }

            int firstDefault = signature.Parameters.Count - signature.Defaults.Count;
            for (int i = 0; i < signature.Parameters.Count; i++)
            {
                string parameter = signature.Parameters[i];
                if (!values[parameter].IsGiven())
                {
                    inner.Set(parameter, i >= firstDefault
                        ? _evaluator.Evaluate(signature.Defaults[i - firstDefault], inner)
                        : new Undefined($"parameter '{parameter}' was not provided"));
                }
            }

            string text = Capture(body.Statements, inner);
            state.Leave();
            return text;
        });
    }

    private void Assign(AssignmentTarget target, object? value, Scope scope)
    {
        switch (target)
        {
            case NameTarget name:
                scope.Set(name.Name, value);
                break;
            case NamespaceTarget attribute:
                PyNamespace space = scope.TryGet(attribute.Name, out object? found) && found is PyNamespace target1
                    ? target1
                    : throw PyError.Type("cannot assign attribute on non-namespace object");
                space.Attributes.Set(attribute.Attribute, value);
                break;
            case TupleTarget tuple:
                Unpack(tuple, value, scope);
                break;
            default:
                throw PyError.Type("cannot assign to this target");
        }
    }

    private void Unpack(TupleTarget tuple, object? value, Scope scope)
    {
        if (!PyType.IsIterable(value))
        {
            throw PyError.Type($"cannot unpack non-iterable {PyType.Name(value)} object");
        }

        List<object?> items = [.. PyType.Iterate(value).Take(tuple.Items.Count + 1)];
        if (items.Count != tuple.Items.Count)
        {
            throw PyError.Value(items.Count < tuple.Items.Count
                ? $"not enough values to unpack (expected {tuple.Items.Count}, got {items.Count})"
                : $"too many values to unpack (expected {tuple.Items.Count})");
        }

        for (int i = 0; i < items.Count; i++)
        {
            Assign(tuple.Items[i], items[i], scope);
        }
    }

    private static Scope Root(Scope scope)
    {
        // The outermost scope holds the globals; the template's own top level is just inside.
        while (scope.Outer?.Outer != null)
        {
            scope = scope.Outer;
        }

        return scope;
    }

    /// <summary>self: the template's blocks by name.</summary>
    private sealed class SelfObject(IReadOnlyList<Statement> template, Func<IReadOnlyList<Statement>, string> render)
        : PyObject
    {
        public override string TypeName => "TemplateReference";

        public override bool TryGetAttribute(string name, out object? value)
        {
            BlockStatement? block = template.OfType<BlockStatement>()
                .FirstOrDefault(candidate => candidate.Name == name);
            value = block == null ? null : new PyFunction(name, _ => render(block.Body));
            return block != null;
        }
    }
}
