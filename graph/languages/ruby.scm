(class name: [(constant) (scope_resolution)] @name) @class
(module name: [(constant) (scope_resolution)] @name) @module
(method name: (_) @name) @function
(singleton_method name: (_) @name) @function
(assignment left: (constant) @name) @constant

;; references
(call method: (identifier) @_require arguments: (argument_list . (string (string_content)))
  (#match? @_require "^(require|require_relative|autoload)$")) @import
(call method: (identifier) @call)
(superclass [(constant) @base (scope_resolution name: (constant) @base)])
(comment) @comment
(string_content) @string
