using System;
using System.IO;
using System.Reflection;
using System.Runtime.Loader;
using System.Text.Json.Nodes;
using Tbrm.Core;

namespace Tbrm.Verify;

/// <summary>
/// Loads a grader from a .NET assembly: option <c>path</c>, and <c>type</c> (the full name of a class that implements
/// <see cref="IGrader"/>; may be left out when there is only one). The class has a constructor without parameters or one that
/// takes the options as a <see cref="JsonObject"/>.
/// </summary>
public static class AssemblyGrader
{
    /// <summary>Loads and creates the grader.</summary>
    /// <exception cref="ConfigException">The assembly or the type is missing or unsuitable.</exception>
    public static IGrader Load(JsonObject? options)
    {
        GraderOptions reader = new(options);
        string path = Path.GetFullPath(reader.Text("path") ?? throw new ConfigException("the grader 'assembly' needs the option \"path\""));
        Type type = Find(LoadAssembly(path), path, reader.Text("type"));
        try
        {
            ConstructorInfo? withOptions = type.GetConstructor([typeof(JsonObject)]);
            object instance = withOptions is not null ? withOptions.Invoke([options]) : Activator.CreateInstance(type)!;
            return (IGrader)instance;
        }
        catch (Exception e) when (e is MissingMethodException or TargetInvocationException)
        {
            throw new ConfigException($"{path}: {type.FullName} cannot be created: {(e.InnerException ?? e).Message}", e);
        }
    }

    private static Assembly LoadAssembly(string path)
    {
        if (!File.Exists(path))
        {
            throw new ConfigException($"{path}: there is no such assembly");
        }

        try
        {
            return new GraderLoadContext(path).LoadFromAssemblyPath(path);
        }
        catch (BadImageFormatException e)
        {
            throw new ConfigException($"{path}: this is not a .NET assembly", e);
        }
    }

    private static Type Find(Assembly assembly, string path, string? name)
    {
        if (name is not null)
        {
            Type? named = assembly.GetType(name);
            return named is not null && typeof(IGrader).IsAssignableFrom(named)
                ? named
                : throw new ConfigException($"{path}: there is no type {name} that implements {typeof(IGrader).FullName}");
        }

        Type[] graders = Array.FindAll(assembly.GetExportedTypes(), t => typeof(IGrader).IsAssignableFrom(t) && t is { IsAbstract: false, IsInterface: false });
        return graders.Length == 1
            ? graders[0]
            : throw new ConfigException($"{path}: {graders.Length} types implement {typeof(IGrader).FullName}; name one with the option \"type\"");
    }

    /// <summary>Resolves the assembly's own dependencies beside it; what is already loaded (the contract) is shared.</summary>
    private sealed class GraderLoadContext(string path) : AssemblyLoadContext(isCollectible: false)
    {
        private readonly AssemblyDependencyResolver _resolver = new(path);

        protected override Assembly? Load(AssemblyName assemblyName)
        {
            if (assemblyName.Name == typeof(IGrader).Assembly.GetName().Name || assemblyName.Name == typeof(AssemblyGrader).Assembly.GetName().Name)
            {
                return null;
            }

            string? resolved = _resolver.ResolveAssemblyToPath(assemblyName);
            return resolved is null ? null : LoadFromAssemblyPath(resolved);
        }
    }
}
