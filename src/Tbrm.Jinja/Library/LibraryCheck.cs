using System.Collections;
using System.Linq;
using System.Reflection;
using System.Runtime.CompilerServices;
using Tbrm.Jinja.Syntax;

namespace Tbrm.Jinja.Library;

/// <summary>
/// Looks for filters and tests that do not exist. Like Jinja, it lets them pass under a condition, where the template
/// may
/// have asked first whether they do, and then they fail when they are reached.
/// </summary>
internal static class LibraryCheck
{
    /// <summary>Fails at the first unknown filter or test that is under no condition.</summary>
    public static void Check(object? node)
    {
        RuntimeHelpers.EnsureSufficientExecutionStack();
        switch (node)
        {
            case null or string or Constant or TextStatement or IfStatement or ConditionalExpression:
                return;
            case FilterExpression filter when !FilterContext.HasFilter(filter.Name):
                throw new JinjaException($"no filter named '{filter.Name}'", filter.Line);
            case TestExpression test when !FilterContext.HasTest(test.Name):
                throw new JinjaException($"no test named '{test.Name}'", test.Line);
            case ITuple tuple:
                foreach (int i in Enumerable.Range(0, tuple.Length))
                {
                    Check(tuple[i]);
                }

                break;
            case IEnumerable items:
                foreach (object? item in items)
                {
                    Check(item);
                }

                break;
            case Expression or Statement or ArgumentList or Signature or MacroBody:
                foreach (PropertyInfo property in node.GetType()
                    .GetProperties(BindingFlags.Public | BindingFlags.Instance))
                {
                    Check(property.GetValue(node));
                }

                break;
            default:
                break;
        }
    }
}
