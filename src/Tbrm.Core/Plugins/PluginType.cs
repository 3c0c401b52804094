using System;
using System.IO;
using System.Linq;
using System.Reflection;
using System.Runtime.Loader;
using System.Text.Json.Nodes;
using Tbrm.Core.Errors;

namespace Tbrm.Core.Plugins;

/// <summary>
/// A class of the user's own, from a .NET assembly: a grader, an objective. It has a constructor without parameters, or
/// one that takes its
/// options as a <see cref="JsonObject"/>.
/// </summary>
/// <param name="Type">The class.</param>
/// <param name="Path">The assembly's full path.</param>
public sealed record PluginType(Type Type, string Path)
{
    /// <summary>Finds a class by <c>FILE.dll#Namespace.Class</c>; the class may be left out when only one is
    /// suitable.</summary>
    /// <param name="reference">File and class.</param>
    /// <param name="contract">The interface that the class implements.</param>
    /// <param name="where">For messages: what the class was asked for.</param>
    /// <exception cref="ConfigException">The assembly or the class is missing or unsuitable.</exception>
    public static PluginType Find(string reference, Type contract, string where)
    {
        ArgumentNullException.ThrowIfNull(reference);
        int hash = reference.IndexOf('#', StringComparison.Ordinal);
        string file = hash < 0 ? reference : reference[..hash];
        return file.Length > 0 ? Find(file, hash < 0 ? null : reference[(hash + 1)..], contract)
            : throw new ConfigException($"{where}: expected FILE.dll#Namespace.Class, found '{reference}'");
    }

    /// <summary>Finds a class by its full name; null when only one is suitable.</summary>
    /// <exception cref="ConfigException">The assembly or the class is missing or unsuitable.</exception>
    public static PluginType Find(string file, string? name, Type contract)
    {
        ArgumentNullException.ThrowIfNull(contract);
        string path = System.IO.Path.GetFullPath(file);
        return new(Find(Load(path), path, name, contract), path);
    }

    /// <summary>An instance, with its options.</summary>
    /// <exception cref="ConfigException">The constructor is missing or failed.</exception>
    public object Create(JsonObject? options)
    {
        ConstructorInfo? withOptions = Type.GetConstructor([typeof(JsonObject)]);
        if (withOptions is null && options is { Count: > 0 })
        {
            throw new ConfigException(
                $"{Path}: {Type.FullName} takes no options (it has no constructor with a "
                    + $"{typeof(JsonObject).FullName}), found {options.ToJsonString()}");
        }

        try
        {
            return withOptions is not null ? withOptions.Invoke([options ?? []]) : Activator.CreateInstance(Type)!;
        }
        catch (Exception e) when (e is MissingMethodException or TargetInvocationException)
        {
            throw new ConfigException($"{Path}: {Type.FullName} cannot be created: {(e.InnerException ?? e).Message}",
                e);
        }
    }

    private static Assembly Load(string path)
    {
        if (!File.Exists(path))
        {
            throw new ConfigException($"{path}: there is no such assembly");
        }

        try
        {
            return new PluginContext(path).LoadFromAssemblyPath(path);
        }
        catch (BadImageFormatException e)
        {
            throw new ConfigException($"{path}: this is not a .NET assembly", e);
        }
    }

    private static Type Find(Assembly assembly, string path, string? name, Type contract)
    {
        try
        {
            if (name is not null)
            {
                return assembly.GetType(name) is { } named && contract.IsAssignableFrom(named) ? named
                    : throw new ConfigException($"{path}: there is no type {name} that implements {contract.FullName}");
            }

            Type[] suitable = Array.FindAll(
                assembly.GetExportedTypes(), t => contract.IsAssignableFrom(t)
                && t is { IsAbstract: false, IsInterface: false });
            return suitable.Length == 1 ? suitable[0]
                : throw new ConfigException($"{path}: {suitable.Length} types implement {contract.FullName}; name one");
        }
        catch (Exception e) when (e is TypeLoadException or FileNotFoundException or FileLoadException)
        {
            throw new ConfigException(
                $"{path}: {(name ?? "its types")} cannot be loaded, built against another version? {e.Message}", e);
        }
    }

    /// <summary>Resolves the assembly's own dependencies beside it; what this process has loaded (the contracts) is
    /// shared.</summary>
    private sealed class PluginContext(string path) : AssemblyLoadContext(isCollectible: false)
    {
        private readonly AssemblyDependencyResolver _resolver = new(path);

        protected override Assembly? Load(AssemblyName assemblyName)
        {
            if (Default.Assemblies.Any(loaded => loaded.GetName().Name == assemblyName.Name))
            {
                return null;
            }

            string? resolved = _resolver.ResolveAssemblyToPath(assemblyName);
            return resolved is null ? null : LoadFromAssemblyPath(resolved);
        }

        protected override nint LoadUnmanagedDll(string unmanagedDllName)
        {
            string? resolved = _resolver.ResolveUnmanagedDllToPath(unmanagedDllName);
            return resolved is null ? 0 : LoadUnmanagedDllFromPath(resolved);
        }
    }
}
