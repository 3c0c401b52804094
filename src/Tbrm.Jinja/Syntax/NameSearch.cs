using System;
using System.Collections;
using System.Collections.Generic;
using System.Linq;
using System.Reflection;
using System.Runtime.CompilerServices;

namespace Tbrm.Jinja.Syntax;

/// <summary>Looks for the use of a name anywhere in a part of a syntax tree.</summary>
internal static class NameSearch
{
    /// <summary>Some expression below reads the name.</summary>
    public static bool Mentions(object? node, string name)
    {
        RuntimeHelpers.EnsureSufficientExecutionStack();
        return node switch
        {
            null or string => false,
            NameExpression reference => reference.Name == name,
            Constant or TextStatement => false,
            ITuple tuple => Enumerable.Range(0, tuple.Length).Any(i => Mentions(tuple[i], name)),
            IEnumerable items => items.Cast<object?>().Any(item => Mentions(item, name)),
            Expression or Statement or ArgumentList or Signature or MacroBody => Children(node)
                .Any(child => Mentions(child, name)),
            _ => false,
        };
    }

    /// <summary>Every name that some expression below reads.</summary>
    public static void Collect(object? node, ISet<string> names) => Visit(node, expression =>
    {
        if (expression is NameExpression reference)
        {
            names.Add(reference.Name);
        }
    });

    /// <summary>Calls back for every expression below.</summary>
    public static void Visit(object? node, Action<Expression> each)
    {
        RuntimeHelpers.EnsureSufficientExecutionStack();
        if (node is Expression expression)
        {
            each(expression);
        }

        switch (node)
        {
            case null or string or Constant or NameExpression or TextStatement:
                break;
            case ITuple tuple:
                foreach (int i in Enumerable.Range(0, tuple.Length))
                {
                    Visit(tuple[i], each);
                }

                break;
            case IEnumerable items:
                foreach (object? item in items)
                {
                    Visit(item, each);
                }

                break;
            case Expression or Statement or ArgumentList or Signature or MacroBody:
                foreach (object? child in Children(node))
                {
                    Visit(child, each);
                }

                break;
            default:
                break;
        }
    }

    private static IEnumerable<object?> Children(object node)
    {
        return node.GetType().GetProperties(BindingFlags.Public | BindingFlags.Instance)
            .Select(property => property.GetValue(node));
    }
}
