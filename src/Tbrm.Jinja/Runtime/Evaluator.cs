using System.Collections.Generic;
using System.Linq;
using System.Runtime.CompilerServices;
using Tbrm.Jinja.Library;
using Tbrm.Jinja.Syntax;
using Tbrm.Jinja.Values;

namespace Tbrm.Jinja.Runtime;

/// <summary>Evaluates expressions.</summary>
internal sealed class Evaluator(RenderState state)
{
    private readonly FilterContext _filters = new(state);

    /// <summary>The value of an expression.</summary>
    /// <exception cref="JinjaException">It has none; the message names the line.</exception>
    public object? Evaluate(Expression expression, Scope scope)
    {
        try
        {
            RuntimeHelpers.EnsureSufficientExecutionStack();
            state.Step();
            return EvaluateAny(expression, scope);
        }
        catch (PyError e)
        {
            throw new JinjaException(e.Complaint, expression.Line, e);
        }
        catch (System.InsufficientExecutionStackException e)
        {
            throw new JinjaException("RecursionError: expressions or values are nested too deep", expression.Line, e);
        }
    }

    /// <summary>The arguments of a call.</summary>
    public CallArguments Arguments(ArgumentList list, Scope scope)
    {
        CallArguments arguments = CallArguments.Of();
        arguments.Positional.AddRange(list.Positional.Select(argument => Evaluate(argument, scope)));
        foreach ((string name, Expression value) in list.Named)
        {
            if (!arguments.Named.TryAdd(name, Evaluate(value, scope)))
            {
                throw PyError.Type($"keyword argument repeated: {name}");
            }
        }

        if (list.MorePositional != null)
        {
            arguments.Positional.AddRange(PyType.Iterate(Evaluate(list.MorePositional, scope)));
        }

        if (list.MoreNamed != null)
        {
            PyDict more = Evaluate(list.MoreNamed, scope) as PyDict
                ?? throw PyError.Type("argument after ** must be a mapping");
            foreach ((object? name, object? value) in more)
            {
                if (!arguments.Named.TryAdd(PyText.Str(name), value))
                {
                    throw PyError.Type($"got multiple values for keyword argument {PyText.Repr(name)}");
                }
            }
        }

        return arguments;
    }

    /// <summary>Applies a chain of filters whose innermost value is given.</summary>
    public object? ApplyFilters(FilterExpression chain, object? innermost, Scope scope)
    {
        object? value = chain.Value == null ? innermost : ApplyFilters((FilterExpression)chain.Value, innermost, scope);
        return _filters.Apply(chain.Name, value, Arguments(chain.Arguments, scope));
    }

    private object? EvaluateAny(Expression expression, Scope scope) => expression switch
    {
        Constant constant => constant.Value,
        NameExpression name => scope.TryGet(name.Name, out object? value) ? value : Undefined.Name(name.Name),
        AttributeExpression attribute => PyAccess.Attribute(Evaluate(attribute.Target, scope), attribute.Name),
        ItemExpression item => PyAccess.Item(Evaluate(item.Target, scope), Evaluate(item.Key, scope)),
        SliceExpression slice => PyOperators.Slice(
            Evaluate(slice.Target, scope), Optional(slice.Start, scope), Optional(slice.Stop, scope),
                Optional(slice.Step, scope)),
        CallExpression call => PyOperators.Call(Evaluate(call.Target, scope), Arguments(call.Arguments, scope)),
        FilterExpression filter =>
            _filters.Apply(filter.Name, Evaluate(filter.Value!, scope), Arguments(filter.Arguments, scope)),
        TestExpression test => _filters.Test(test.Name, Evaluate(test.Value, scope), Arguments(test.Arguments, scope)),
        BinaryExpression binary =>
            PyOperators.Binary(binary.Operator, Evaluate(binary.Left, scope), Evaluate(binary.Right, scope)),
        ConcatExpression concat => PyOperators.Concat([.. concat.Parts.Select(part => Evaluate(part, scope))]),
        CompareExpression compare => Compare(compare, scope),
        LogicExpression logic => Logic(logic, scope),
        NotExpression not => !PyType.IsTrue(Evaluate(not.Value, scope)),
        SignExpression sign => PyOperators.Sign(sign.Negate, Evaluate(sign.Value, scope)),
        ConditionalExpression conditional => Conditional(conditional, scope),
        ListExpression list => new PyList(Items(list.Items, scope)),
        TupleExpression tuple => new PyTuple(Items(tuple.Items, scope)),
        DictExpression dict => Dict(dict, scope),
        _ => throw PyError.Type($"unknown expression {expression.GetType().Name}"),
    };

    private object? Optional(Expression? expression, Scope scope) => expression == null ? null
        : Evaluate(expression, scope);

    private List<object?> Items(IReadOnlyList<Expression> items, Scope scope) =>
        [.. items.Select(item => Evaluate(item, scope))];

    private PyDict Dict(DictExpression expression, Scope scope)
    {
        PyDict dict = new();
        foreach ((Expression key, Expression value) in expression.Items)
        {
            dict.Set(Evaluate(key, scope), Evaluate(value, scope));
        }

        return dict;
    }

    private object? Logic(LogicExpression logic, Scope scope)
    {
        object? left = Evaluate(logic.Left, scope);
        return PyType.IsTrue(left) == logic.IsAnd ? Evaluate(logic.Right, scope) : left;
    }

    private object? Conditional(ConditionalExpression conditional, Scope scope)
    {
        if (PyType.IsTrue(Evaluate(conditional.Condition, scope)))
        {
            return Evaluate(conditional.Then, scope);
        }

        return conditional.Otherwise == null
            ? new Undefined("the inline if-expression evaluated to false and no else section was defined.")
            : Evaluate(conditional.Otherwise, scope);
    }

    private bool Compare(CompareExpression compare, Scope scope)
    {
        object? left = Evaluate(compare.First, scope);
        foreach ((string symbol, Expression expression) in compare.Rest)
        {
            object? right = Evaluate(expression, scope);
            if (!Comparison.Holds(symbol, left, right))
            {
                return false;
            }

            left = right;
        }

        return true;
    }
}
